//! `volume.*`: on record while the role learns, which is all that this build can.
//! Next: `hint`.

use super::Reasons;
use backstop_model::attempt::Act;
use backstop_model::control::Control;
use backstop_model::id::ByteCount;
use backstop_model::standing::Usage;

/// The call within 60 minutes that is flagged, and each after it.
const CALLS: u64 = 500;
/// What a session may receive without being flagged.
const RECEIVED: ByteCount = ByteCount(50_000_000);

pub(super) fn judge(usage: &Usage, act: &Act, reasons: &mut Reasons) {
    if usage.received > RECEIVED {
        let text = format!("the session received {} bytes", usage.received.0);
        reasons.flag(Control::VolumeReceived, text);
    } else {
        reasons.pass(Control::VolumeReceived, String::new());
    }
    // A tunnel's later stages belong to a call that is counted already.
    let this = match act {
        Act::Connect | Act::Request { .. } => usage.calls.saturating_add(1),
        Act::Hello { .. } | Act::Opaque => usage.calls,
    };
    if this >= CALLS {
        let text = format!("external call {this} of the session within 60 minutes");
        reasons.flag(Control::VolumeCalls, text);
    } else {
        reasons.pass(Control::VolumeCalls, String::new());
    }
}
