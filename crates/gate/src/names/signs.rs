//! From names to signs: the three controls, and what is counted for the budgets that they miss.
//! Each finding explains itself in one line. Next: `payload`.

use super::book::Book;
use super::payload::{self, Shared};
use crate::live::lock;
use backstop_detect::hostname::{
    Coding, ENTROPY_BITS, LABEL_LENGTH, RATE_NAMES, Shape, registered_domain,
};
use backstop_model::control::Control;
use backstop_model::finding::Acts;
use backstop_model::host::HostName;
use backstop_model::id::ByteCount;
use backstop_model::name::{NameSign, QueryName, QueryType};
use backstop_model::time::Timestamp;
use std::sync::Mutex;
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
    /// From so many on that all clients of one session together ask under one wildcard row, it is
    /// closed for the day to those of them that brought `flag` themselves, and a quarter later to
    /// all.
    pub block_shared: ByteCount,
    /// From so many octets of distinct record data that one client is told under one wildcard row
    /// in a day on, it is flagged.
    pub flag_answers: ByteCount,
    /// From so many on, the row is closed to it for the day.
    pub block_answers: ByteCount,
    /// From so many questions on that are repeated upstream under one wildcard row, a day and a
    /// client, an octet for each, it is flagged.
    pub flag_repeats: ByteCount,
    /// From so many on, the row is closed to it for the day.
    pub block_repeats: ByteCount,
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
            block_shared: ByteCount(262_144),
            flag_answers: ByteCount(16_384),
            block_answers: ByteCount(65_536),
            flag_repeats: ByteCount(16_384),
            block_repeats: ByteCount(65_536),
            clients: 16_384,
            pin_floor: Duration::from_secs(60),
            pin_ceiling: Duration::from_secs(3_600),
            pin_grace: Duration::from_secs(600),
        }
    }
}

/// What a name looks like. A refusal looks at it twice, for its signs and for what is kept of it.
pub(super) struct Looks {
    domain: QueryName,
    /// Of what stands left of its registered domain.
    shape: Option<Shape>,
}

impl Looks {
    pub(super) fn of(name: &QueryName) -> Self {
        let domain = registered_domain(name);
        let shape = name.below(&domain).map(Shape::of);
        Self { domain, shape }
    }
    /// The name as it may be kept: where its labels carry data, only how many octets they have.
    pub(super) fn shown(&self, name: &QueryName) -> String {
        match self.shape.as_ref().filter(|shape| shape.carries()) {
            Some(shape) => format!("[{} octets].{}", shape.octets, self.domain),
            None => crate::gate::clean(&name.to_string(), 255),
        }
    }
}

/// The signs of a name that stands under no row.
pub(super) fn of_undeclared(
    book: &mut Book,
    Looks { domain, shape }: &Looks,
    hash: u64,
    now: Timestamp,
) -> Vec<NameSign> {
    let Some(shape) = shape else { return Vec::new() };
    let mut signs = Vec::new();
    of_shape(shape, &mut signs);
    of_rate(book, domain, hash, now, &mut signs);
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
    shared: &Mutex<Shared>,
    (base, name): (&HostName, &QueryName),
    hash: u64,
    now: Timestamp,
) -> Vec<NameSign> {
    let Some(labels) = name.below(&QueryName::of_host(base)) else { return Vec::new() };
    let shape = Shape::of(labels.clone());
    let mut signs = Vec::new();
    of_shape(&shape, &mut signs);
    of_rate(book, &registered_domain(name), hash, now, &mut signs);

    let row = book.row(base.as_str(), now);
    if row.volume.add(hash, shape.octets) {
        row.names += 1;
        row.mix.add(labels);
        if shape.coding != Coding::None {
            row.coded += 1;
            row.coded_octets += u64::try_from(shape.octets).unwrap_or(u64::MAX);
            row.coding = shape.coding.as_str();
        }
        lock(shared).add(base, hash, shape.octets, now);
    }
    payload::of_row(config, row, base, &mut signs);
    let own = row.volume.octets();
    book.total.add(hash, shape.octets);
    payload::of_all(config, book.total.octets(), &mut signs);
    payload::of_shared(config, (own, lock(shared).octets(base, now)), base, &mut signs);
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
    Looks::of(name).shown(name)
}

/// Whether a sign flags the client whose name showed it, beside these others. The shape of one name
/// under a wildcard row is on the record of that name; names of clouds and CDNs are long and dense
/// too, so that its client is flagged only where what it asks altogether says the same.
pub(super) fn flags_client(control: Control, beside: impl IntoIterator<Item = Control>) -> bool {
    let of_shape = matches!(control, Control::DnsLabelLength | Control::DnsEntropy);
    let of_client = |other| matches!(other, Control::DnsPayload | Control::DnsUniqueRate);
    !of_shape || beside.into_iter().any(of_client)
}

#[cfg(test)]
mod day;
#[cfg(test)]
mod tests;
