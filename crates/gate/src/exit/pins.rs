//! One look-up, every address judged, the answer pinned: between the check and the connection
//! there is no second look-up that could say something else.
//! Must not know sockets. Next: `nat64`.
//!
//! A name that was good for this session and now leads to a refused address is being rebound
//! (`ssrf.rebind`); ordinary rotation among good addresses is nobody's business.

use super::{DialFault, Exit};
use crate::names::Told;
use crate::resolve::ResolveFault;
use backstop_model::addr::{self, AddressRules, judge_resolved};
use backstop_model::control::Control;
use backstop_model::host::{Host, HostName};
use backstop_model::id::SessionId;
use backstop_model::standing::Subject;
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Addresses that were judged together and may be dialled. Only [`pin`] makes them; whoever
/// keeps a clone (a tool call, say) dials the same ones again without a look-up.
#[derive(Debug, Clone)]
pub(crate) struct Pinned(Arc<[Address]>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Address {
    judged: IpAddr,
    dialled: IpAddr,
}

impl Pinned {
    /// What is dialled: the judged addresses, or their NAT64 forms; IPv6 of its own first.
    pub(super) fn dialled(&self) -> impl Iterator<Item = IpAddr> {
        self.0.iter().map(|address| address.dialled)
    }
    /// The judged address behind a dialled one.
    pub(super) fn judged_for(&self, dialled: IpAddr) -> IpAddr {
        self.0.iter().find(|a| a.dialled == dialled).map_or(dialled, |a| a.judged)
    }
}

/// Resolves and judges a host. What the client was told for its name is judged as any answer.
///
/// # Errors
/// `ssrf.address` or `ssrf.rebind` if any one address is refused, `limit` if there are too many,
/// `upstream.reach` if there is none.
pub(super) async fn pin(
    exit: &Exit,
    host: &Host,
    rules: &AddressRules,
    (who, told): (&Subject, Option<Told>),
) -> Result<Pinned, DialFault> {
    let addresses = match host {
        Host::Address(address) => {
            judge_literal(*address, rules)?;
            vec![*address]
        }
        Host::Name(name) => {
            let answer = match told {
                Some(told) => exit.resolver.resolve_told(name, who, told).await,
                None => exit.resolver.resolve(name, who).await,
            };
            let answer = answer.map_err(unresolved)?;
            judge_answer(exit, name, &answer, rules, who)?;
            answer
        }
    };
    Ok(prepare(exit, &addresses))
}

fn unresolved(fault: ResolveFault) -> DialFault {
    let control = match fault {
        ResolveFault::Filtered(..) => Control::DnsRpz,
        ResolveFault::NoAddress(_) | ResolveFault::TimedOut(_) | ResolveFault::Failed(..) => {
            Control::UpstreamReach
        }
    };
    DialFault::new(control, fault.to_string())
}

/// Judges an address that stands in the request itself.
pub(super) fn judge_literal(address: IpAddr, rules: &AddressRules) -> Result<(), DialFault> {
    addr::judge_literal(address, rules).map_err(|class| {
        let reason = format!("`{address}` is {}", class.describe());
        DialFault::new(Control::SsrfAddress, reason)
    })
}

/// Judges an address that was reached under other rules, as a look-up of `host` would be.
pub(super) fn judge_reached(
    host: &Host,
    address: IpAddr,
    rules: &AddressRules,
) -> Result<(), DialFault> {
    match host {
        Host::Address(_) => judge_literal(address, rules),
        Host::Name(name) => judge_resolved(address, rules).map_err(|class| {
            let told =
                format!("`{name}` was reached at `{address}`, which is {}", class.describe());
            DialFault::new(Control::SsrfAddress, told)
        }),
    }
}

/// One refused address refuses the name: an answer that mixes is made to be raced.
fn judge_answer(
    exit: &Exit,
    name: &HostName,
    answer: &[IpAddr],
    rules: &AddressRules,
    who: &Subject,
) -> Result<(), DialFault> {
    if answer.is_empty() {
        return Err(DialFault::new(Control::UpstreamReach, format!("`{name}` has no address")));
    }
    if answer.len() > ADDRESSES {
        let reason = format!("`{name}` has {} addresses, over {ADDRESSES}", answer.len());
        return Err(DialFault::new(Control::Limit, reason));
    }
    for address in answer {
        if let Err(class) = judge_resolved(*address, rules) {
            let told = format!("`{name}` resolves to `{address}`, which is {}", class.describe());
            return Err(if exit.pins.was_good(who.session.as_ref(), name) {
                let reason = format!("{told}; it had good addresses before");
                DialFault::new(Control::SsrfRebind, reason)
            } else {
                DialFault::new(Control::SsrfAddress, told)
            });
        }
    }
    exit.pins.note_good(who.session.as_ref(), name);
    Ok(())
}

fn prepare(exit: &Exit, judged: &[IpAddr]) -> Pinned {
    let reach = |address: IpAddr| match exit.config.nat64.first() {
        Some(prefix) => prefix.reach(address),
        None => address,
    };
    let mut addresses: Vec<Address> = Vec::with_capacity(judged.len());
    // IPv6 of its own goes before what must be translated (RFC 8305 §7.2); a DNS64 gives both.
    let (six, four): (Vec<IpAddr>, Vec<IpAddr>) = judged.iter().partition(|a| a.is_ipv6());
    for judged in six.into_iter().chain(four) {
        let dialled = reach(judged);
        if !addresses.iter().any(|other| other.dialled == dialled) {
            addresses.push(Address { judged, dialled });
        }
    }
    Pinned(addresses.into())
}

/// Which names had good addresses, for each session.
///
/// Forgetting one costs a word only (`ssrf.address` instead of `ssrf.rebind`): the address is
/// refused all the same. So the bounds may be hard.
#[derive(Debug, Default)]
pub(super) struct Pins(Mutex<Sessions>);

#[derive(Debug, Default)]
struct Sessions {
    names: HashMap<Option<SessionId>, Names>,
    oldest_first: VecDeque<Option<SessionId>>,
}

#[derive(Debug, Default)]
struct Names {
    good: HashSet<HostName>,
    oldest_first: VecDeque<HostName>,
}

impl Pins {
    fn was_good(&self, session: Option<&SessionId>, name: &HostName) -> bool {
        self.lock().names.get(&session.cloned()).is_some_and(|names| names.good.contains(name))
    }

    fn note_good(&self, session: Option<&SessionId>, name: &HostName) {
        let session = session.cloned();
        let mut sessions = self.lock();
        if !sessions.names.contains_key(&session) {
            if sessions.names.len() >= SESSIONS
                && let Some(oldest) = sessions.oldest_first.pop_front()
            {
                sessions.names.remove(&oldest);
            }
            sessions.oldest_first.push_back(session.clone());
        }
        let names = sessions.names.entry(session).or_default();
        if names.good.insert(name.clone()) {
            names.oldest_first.push_back(name.clone());
            if names.good.len() > NAMES
                && let Some(oldest) = names.oldest_first.pop_front()
            {
                names.good.remove(&oldest);
            }
        }
    }

    pub(super) fn forget(&self, session: &SessionId) {
        let session = Some(session.clone());
        let mut sessions = self.lock();
        if sessions.names.remove(&session).is_some() {
            sessions.oldest_first.retain(|other| *other != session);
        }
    }

    /// INVARIANT: nothing under this lock can leave it half-changed in a way that lets more pass.
    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// LIMIT: addresses in one answer; the largest pools of CDNs seen have some 50.
const ADDRESSES: usize = 64;
/// LIMIT: names remembered for one session.
const NAMES: usize = 1_024;
/// LIMIT: sessions remembered.
const SESSIONS: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_floods_forgets_only_its_own_names() {
        let pins = Pins::default();
        let session =
            |n: u8| SessionId::draw(backstop_model::time::Timestamp::from_unix_micros(1), [n; 10]);
        let name = |n: usize| HostName::parse(&format!("n{n}.example")).unwrap();
        let (loud, quiet) = (session(1), session(2));
        pins.note_good(Some(&quiet), &name(0));
        for n in 0..2 * NAMES {
            pins.note_good(Some(&loud), &name(n));
        }
        assert!(pins.was_good(Some(&quiet), &name(0)));
        assert!(!pins.was_good(Some(&loud), &name(0)), "the oldest goes");
        assert!(pins.was_good(Some(&loud), &name(2 * NAMES - 1)));
        assert_eq!(pins.lock().names[&Some(loud.clone())].good.len(), NAMES);
        assert!(!pins.was_good(None, &name(0)));
        pins.forget(&loud);
        assert!(!pins.was_good(Some(&loud), &name(2 * NAMES - 1)));
        assert_eq!(pins.lock().oldest_first.len(), 1);
    }
}
