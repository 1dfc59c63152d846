//! The budgets of a day (`dns.payload`): what the three controls miss.
//!
//! The entropy of a label cannot exceed its length, hexadecimal never exceeds 4.0 bits, and short
//! labels at 98 names a minute trip nothing; the octets of distinct names trip for all of them
//! (V. Paxson et al., "Practical comprehensive bounds on surreptitious communication over DNS",
//! 2013), and the octets of distinct record data for what comes back. Next: `ask`.

use super::book::RowBook;
use super::signs::NamesConfig;
use backstop_detect::hostname::DistinctVolume;
use backstop_model::control::Control;
use backstop_model::finding::Acts;
use backstop_model::host::HostName;
use backstop_model::name::NameSign;
use backstop_model::time::Timestamp;
use std::collections::HashMap;

/// So many questions tell a habit.
const HABIT: u64 = 20;
/// How a day is called in a finding.
const TODAY: &str = "today (UTC)";

/// What one client's names under one row, and the answers to them, show together.
pub(super) fn of_row(
    config: &NamesConfig,
    row: &RowBook,
    base: &HostName,
    signs: &mut Vec<NameSign>,
) {
    let mut flag = |text: String| signs.push(sign(Acts::Note, text));
    let (octets, names) = (row.volume.octets(), row.names);
    let mostly_coded = row.coded * 2 >= names && row.coded >= 4;
    if octets >= config.flag.0 {
        let read = if mostly_coded {
            format!("; {} of them read as {}", row.coded, row.coding)
        } else {
            String::new()
        };
        flag(format!(
            "{octets} octets in {names} distinct names under `*.{base}` {TODAY}, over {}{read}",
            config.flag.0
        ));
    } else if mostly_coded && row.coded_octets >= config.flag.0 / 2 {
        flag(format!(
            "{} of {names} distinct names under `*.{base}` {TODAY} read as {}",
            row.coded, row.coding
        ));
    } else if row.mix.is_random() {
        flag(format!(
            "{names} distinct names under `*.{base}` {TODAY} read together as letters and digits at random"
        ));
    }
    if row.queries >= HABIT && row.wide * 2 >= row.queries {
        flag(format!(
            "{} of {} questions under `*.{base}` {TODAY} ask for records that carry text",
            row.wide, row.queries
        ));
    }
    if row.answers >= HABIT && names >= HABIT && row.absent * 10 >= row.answers * 9 {
        flag(format!(
            "{} of {} names under `*.{base}` {TODAY} do not exist",
            row.absent, row.answers
        ));
    }
    let told = row.told.octets();
    if told >= config.flag_answers.0 {
        flag(format!(
            "{told} octets of distinct records told under `*.{base}` {TODAY}, over {}",
            config.flag_answers.0
        ));
    }
    // Whoever stands at the name server learns which of the names known to it is asked again: an
    // octet for each, as long as there are not more than 256 of them.
    let again = row.sent.saturating_sub(names);
    if again >= config.flag_repeats.0 {
        flag(format!(
            "{again} questions repeated upstream under `*.{base}` {TODAY}, over {}",
            config.flag_repeats.0
        ));
    }
    if again >= config.block_repeats.0 {
        signs.push(closed(base, again, "questions repeated upstream", config.block_repeats.0));
    }
    if octets >= config.block.0 {
        signs.push(closed(base, octets, "distinct names", config.block.0));
    }
    if told >= config.block_answers.0 {
        signs.push(closed(base, told, "distinct records told", config.block_answers.0));
    }
}

/// What one client's names under all rows come to.
pub(super) fn of_all(config: &NamesConfig, octets: u64, signs: &mut Vec<NameSign>) {
    if octets >= config.block_all.0 {
        let text = format!(
            "all wildcard rows are closed to this client {TODAY}: {octets} octets of distinct names, over {}",
            config.block_all.0
        );
        signs.push(sign(Acts::Block, text));
    }
}

/// What the names of all clients of a session under one row come to; `own` is what this one brought.
///
/// It is one budget, or whoever has many addresses had as many. So that one who spends it does not
/// close the row to the others, a part of it is kept back for those who brought little themselves.
/// INVARIANT: under a row and in a day fewer octets of distinct names pass than `block_shared`, the
/// reserve and one name, however many clients there are.
pub(super) fn of_shared(
    config: &NamesConfig,
    (own, octets): (u64, u64),
    base: &HostName,
    signs: &mut Vec<NameSign>,
) {
    let most = config.block_shared.0;
    let text = if octets >= most.saturating_add(most / RESERVE) {
        format!(
            "`*.{base}` is closed to all clients of this session {TODAY}: {octets} octets of distinct names, over {most} and the reserve"
        )
    } else if octets >= most && own >= config.flag.0 {
        format!(
            "`*.{base}` is closed {TODAY} to those clients of this session that brought over {} octets of its {octets}, over {most}",
            config.flag.0
        )
    } else {
        return;
    };
    signs.push(sign(Acts::Block, text));
}

fn closed(base: &HostName, octets: u64, what: &str, most: u64) -> NameSign {
    let text = format!(
        "`*.{base}` is closed to this client {TODAY}: {octets} octets of {what}, over {most}"
    );
    sign(Acts::Block, text)
}

const fn sign(acts: Acts, text: String) -> NameSign {
    NameSign { control: Control::DnsPayload, text, acts }
}

/// What all clients of a session together have asked today: whoever has many source addresses, or
/// friends, does not win by their number.
#[derive(Default)]
pub(super) struct Shared {
    day: i64,
    /// Bounded: rows come from policy, and clients cannot make more of them.
    rows: HashMap<Box<str>, DistinctVolume>,
}

impl Shared {
    fn row(&mut self, base: &HostName, now: Timestamp) -> &mut DistinctVolume {
        let day = now.date().days();
        if day != self.day {
            self.day = day;
            self.rows.clear();
        }
        let known = self.rows.contains_key(base.as_str()) || self.rows.len() < ROWS;
        self.rows.entry(Box::from(if known { base.as_str() } else { "" })).or_default()
    }
    /// Adds a name; one that another client has asked before adds nothing.
    pub(super) fn add(&mut self, base: &HostName, name: u64, octets: usize, now: Timestamp) {
        self.row(base, now).add(name, octets);
    }
    /// The octets of distinct names under a row.
    pub(super) fn octets(&mut self, base: &HostName, now: Timestamp) -> u64 {
        self.row(base, now).octets()
    }
}

/// LIMIT: this part of a shared budget is kept, beyond it, for clients under their own flag.
const RESERVE: u64 = 4;
/// LIMIT: rows that are counted apart; the rest is one.
const ROWS: usize = 1_024;
