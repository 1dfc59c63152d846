//! From names to signs: the three controls, and the budgets that they miss (`dns.payload`).
//!
//! The entropy of a label cannot exceed its length, hexadecimal never exceeds 4.0 bits, and short
//! labels at 98 names a minute trip nothing; the octets of distinct names trip for all of them
//! (V. Paxson et al., "Practical comprehensive bounds on surreptitious communication over DNS",
//! 2013). Each finding explains itself in one line. Next: `ask`.

use super::book::Book;
use backstop_detect::hostname::{
    Coding, ENTROPY_BITS, LABEL_LENGTH, RATE_NAMES, Shape, registered_domain,
};
use backstop_model::control::Control;
use backstop_model::finding::Acts;
use backstop_model::host::HostName;
use backstop_model::id::ByteCount;
use backstop_model::name::{NameSign, QueryName, QueryType};
use backstop_model::time::Timestamp;
use std::time::Duration;

/// How questions for names are judged.
#[derive(Debug, Clone)]
pub struct NamesConfig {
    /// From so many octets of distinct names under one wildcard row on, a day and a client, its
    /// names are flagged.
    pub flag: ByteCount,
    /// From so many on, the wildcard row is closed to that client for the day.
    pub block: ByteCount,
    /// From so many over all wildcard rows on, all of them are closed to it for the day.
    pub block_all: ByteCount,
    /// LIMIT: source addresses of one session that are told apart.
    pub clients: usize,
    /// What a client was told holds at least so long.
    pub pin_floor: Duration,
    /// LIMIT: and at most so long.
    pub pin_ceiling: Duration,
    /// And so much longer, for connections that were opened late.
    pub pin_grace: Duration,
}

impl Default for NamesConfig {
    fn default() -> Self {
        Self {
            flag: ByteCount(512),
            block: ByteCount(4_096),
            block_all: ByteCount(16_384),
            clients: 16_384,
            pin_floor: Duration::from_secs(60),
            pin_ceiling: Duration::from_secs(3_600),
            pin_grace: Duration::from_secs(600),
        }
    }
}

/// So many questions tell a habit.
const HABIT: u64 = 20;
/// Octets of answers under one wildcard row, a day and a client, that are worth a look.
const ANSWERED: u64 = 256 * 1_024;

/// The signs of a name that stands under no row.
pub(super) fn of_undeclared(
    book: &mut Book,
    name: &QueryName,
    hash: u64,
    now: Timestamp,
) -> Vec<NameSign> {
    let domain = registered_domain(name);
    let Some(labels) = name.below(&domain) else { return Vec::new() };
    let shape = Shape::of(labels);
    let mut signs = Vec::new();
    of_shape(&shape, &mut signs);
    of_rate(book, &domain, hash, now, &mut signs);
    if shape.strange > 0 {
        let text = format!("{} octets of it stand in no host name", shape.strange);
        signs.push(NameSign { control: Control::DnsPayload, text, acts: Acts::Note });
    }
    signs
}

/// The signs of a name under a wildcard row. Asking again adds nothing.
pub(super) fn of_wildcard(
    config: &NamesConfig,
    book: &mut Book,
    (base, name): (&HostName, &QueryName),
    hash: u64,
    now: Timestamp,
) -> Vec<NameSign> {
    let Some(labels) = name.below(&QueryName::of_host(base)) else { return Vec::new() };
    let shape = Shape::of(labels);
    let mut signs = Vec::new();
    of_shape(&shape, &mut signs);
    of_rate(book, &registered_domain(name), hash, now, &mut signs);

    let row = book.row(base.as_str(), now);
    if row.volume.add(hash, shape.octets) {
        row.names += 1;
        if shape.coding != Coding::None {
            row.coded += 1;
            row.coded_octets += u64::try_from(shape.octets).unwrap_or(u64::MAX);
            row.coding = shape.coding.as_str();
        }
    }
    let mut flag = |text: String| {
        signs.push(NameSign { control: Control::DnsPayload, text, acts: Acts::Note });
    };
    let octets = row.volume.octets();
    let since = "today (UTC)";
    let mostly_coded = row.coded * 2 >= row.names && row.coded >= 4;
    if octets >= config.flag.0 {
        let read = if mostly_coded {
            format!("; {} of them read as {}", row.coded, row.coding)
        } else {
            String::new()
        };
        flag(format!(
            "{octets} octets in {} distinct names under `*.{base}` {since}, over {}{read}",
            row.names, config.flag.0
        ));
    } else if mostly_coded && row.coded_octets >= config.flag.0 / 2 {
        flag(format!(
            "{} of {} distinct names under `*.{base}` {since} read as {}",
            row.coded, row.names, row.coding
        ));
    }
    if row.queries >= HABIT && row.wide * 2 >= row.queries {
        flag(format!(
            "{} of {} questions under `*.{base}` {since} ask for records that carry text",
            row.wide, row.queries
        ));
    }
    if row.answers >= HABIT && row.names >= HABIT && row.absent * 10 >= row.answers * 9 {
        flag(format!(
            "{} of {} names under `*.{base}` {since} do not exist",
            row.absent, row.answers
        ));
    }
    if row.answered >= ANSWERED {
        flag(format!("{} octets of answers under `*.{base}` {since}", row.answered));
    }
    if octets >= config.block.0 {
        let text = format!(
            "`*.{base}` is closed to this client {since}: {octets} octets of distinct names, over {}",
            config.block.0
        );
        signs.push(NameSign { control: Control::DnsPayload, text, acts: Acts::Block });
    }
    book.total.add(hash, shape.octets);
    let total = book.total.octets();
    if total >= config.block_all.0 {
        let text = format!(
            "all wildcard rows are closed to this client {since}: {total} octets of distinct names, over {}",
            config.block_all.0
        );
        signs.push(NameSign { control: Control::DnsPayload, text, acts: Acts::Block });
    }
    signs
}

/// Counts a question under a wildcard row that is permitted.
pub(super) fn count(book: &mut Book, base: &HostName, qtype: QueryType, now: Timestamp) {
    let row = book.row(base.as_str(), now);
    row.queries += 1;
    row.wide += u64::from(is_wide(qtype));
}

fn of_shape(shape: &Shape, signs: &mut Vec<NameSign>) {
    if shape.is_long() {
        let text = format!("a label of {} characters, over {LABEL_LENGTH}", shape.longest);
        signs.push(NameSign { control: Control::DnsLabelLength, text, acts: Acts::Note });
    }
    if shape.is_dense() {
        let text = format!(
            "a label of {:.2} bits of entropy a character, over {ENTROPY_BITS:.1}",
            shape.entropy
        );
        signs.push(NameSign { control: Control::DnsEntropy, text, acts: Acts::Note });
    }
}

fn of_rate(
    book: &mut Book,
    domain: &QueryName,
    hash: u64,
    now: Timestamp,
    signs: &mut Vec<NameSign>,
) {
    let count = book.rate(domain.as_wire(), hash, now);
    if count >= RATE_NAMES {
        let text = format!("{count} unique names of `{domain}` within a minute");
        signs.push(NameSign { control: Control::DnsUniqueRate, text, acts: Acts::Note });
    }
}

/// Types whose records carry text or anything at all.
fn is_wide(qtype: QueryType) -> bool {
    ![
        QueryType::A,
        QueryType::AAAA,
        QueryType::CNAME,
        QueryType::HTTPS,
        QueryType::SVCB,
        QueryType::PTR,
    ]
    .contains(&qtype)
}

/// A name as it may be kept: where its labels carry data, only how many octets they have.
pub(super) fn shown(name: &QueryName) -> String {
    let domain = registered_domain(name);
    let shape = name.below(&domain).map(Shape::of);
    match shape.filter(Shape::carries) {
        Some(shape) => format!("[{} octets].{domain}", shape.octets),
        None => crate::gate::clean(&name.to_string(), 255),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::hash::{BuildHasher as _, RandomState};
    use std::path::{Path, PathBuf};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_micros(1_700_000_000_000_000 + seconds * 1_000_000)
    }

    /// Real names that real clients asked, by their registered domain; beside the project, never in it.
    fn benign() -> Option<BTreeMap<HostName, Vec<QueryName>>> {
        let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let file = ["../shared", "../../shared"]
            .map(|shared| root.join(shared).join("data/hosts/benign_hostnames_dev.txt"));
        let text = file.iter().find_map(|file| std::fs::read_to_string(file).ok())?;
        let mut all: BTreeMap<HostName, Vec<QueryName>> = BTreeMap::new();
        for name in text.lines().filter_map(QueryName::from_text) {
            let domain = registered_domain(&name);
            if name.host().is_some()
                && name != domain
                && let Some(base) = domain.host()
            {
                all.entry(base).or_default().push(name);
            }
        }
        Some(all)
    }

    /// The controls that one client's names trip, at one name in ten seconds.
    fn tripped<'n>(names: impl Iterator<Item = (&'n HostName, &'n QueryName)>) -> Vec<Control> {
        let (config, hasher, mut book) =
            (NamesConfig::default(), RandomState::new(), Book::default());
        let mut seen = Vec::new();
        for (number, (base, name)) in names.enumerate() {
            let now = at(i64::try_from(number).unwrap() * 10);
            let hash = hasher.hash_one(name.as_wire());
            for sign in of_wildcard(&config, &mut book, (base, name), hash, now) {
                if !seen.contains(&sign.control) {
                    seen.push(sign.control);
                }
            }
        }
        seen
    }

    #[test]
    fn honest_clients_under_wildcard_rows_are_not_flagged_for_data() {
        let Some(all) = benign() else {
            eprintln!("SKIPPED: no list of benign names beside the project");
            return;
        };
        let names: Vec<_> = all
            .iter()
            .flat_map(|(base, names)| names.iter().map(move |name| (base, name)))
            .collect();
        // A client asks 200 names of the list in a day, all of them under wildcard rows.
        let clients = 2_000_u64;
        let mut counts = BTreeMap::new();
        for client in 0..clients {
            let mut state = client.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let pick = std::iter::repeat_with(|| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                names[usize::try_from(state % names.len() as u64).unwrap()]
            });
            for control in tripped(pick.take(200)) {
                *counts.entry(control).or_insert(0_u64) += 1;
            }
        }
        println!("{} names; of {clients} clients with 200 names each: {counts:?}", names.len());
        let flagged = counts.get(&Control::DnsPayload).copied().unwrap_or(0);
        assert!(flagged * 1_000 < clients, "{flagged} of {clients}");
        // The worst that one client can honestly do: ask all names that anybody has of a domain.
        let whole = all.iter().filter(|(base, names)| {
            tripped(names.iter().map(|name| (*base, name))).contains(&Control::DnsPayload)
        });
        println!("{} of {} domains asked whole by one client", whole.count(), all.len());
    }
}
