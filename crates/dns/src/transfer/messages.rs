//! A zone, or what changed of it, as a row of signed messages, each made when the one before has
//! gone. Next: `notify`.

use super::journal::Versions;
use crate::body::HEADER;
use crate::export::{Record, TIMES, TTL};
use crate::wire::tsig::{Signed, Signer};
use backstop_gate::Clock;
use backstop_model::name::{QueryName, QueryType};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// The messages that answer one query.
pub struct Messages {
    id: [u8; 2],
    question: Vec<u8>,
    steps: VecDeque<Step>,
    signer: Signer,
    clock: Arc<dyn Clock>,
    _place: Option<OwnedSemaphorePermit>,
}

/// Records in the order of RFC 5936 §2.2 and RFC 1995 §4.
enum Step {
    Soa(u32),
    Ns,
    /// From this one on.
    Rows(Arc<[Record]>, usize),
}

impl Messages {
    /// The SOA.
    pub(super) fn head(signed: &Signed, versions: &Versions, clock: Arc<dyn Clock>) -> Self {
        Self::of(signed, [Step::Soa(versions.serial())], clock)
    }

    /// All of it (AXFR).
    pub(super) fn whole(signed: &Signed, versions: &Versions, clock: Arc<dyn Clock>) -> Self {
        let soa = || Step::Soa(versions.serial());
        let rows = Step::Rows(Arc::clone(versions.records()), 0);
        Self::of(signed, [soa(), Step::Ns, rows, soa()], clock)
    }

    /// What changed since a version (IXFR); all of it where that is forgotten.
    pub(super) fn since(
        signed: &Signed,
        versions: &Versions,
        serial: u32,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let Some(changes) = versions.since(serial) else {
            return Self::whole(signed, versions, clock);
        };
        let mut steps = vec![Step::Soa(versions.serial())];
        for change in changes {
            steps.push(Step::Soa(change.from));
            steps.push(Step::Rows(Arc::clone(&change.gone), 0));
            steps.push(Step::Soa(change.to));
            steps.push(Step::Rows(Arc::clone(&change.new), 0));
        }
        steps.push(Step::Soa(versions.serial()));
        Self::of(signed, steps, clock)
    }

    fn of(signed: &Signed, steps: impl IntoIterator<Item = Step>, clock: Arc<dyn Clock>) -> Self {
        let message = &signed.message;
        let question = message.get(HEADER..).and_then(|rest| {
            let (_, length) = QueryName::read(rest)?;
            rest.get(..length + 4)
        });
        Self {
            id: message.first_chunk::<2>().copied().unwrap_or_default(),
            question: question.unwrap_or_default().to_vec(),
            steps: steps.into_iter().collect(),
            signer: signed.signer.clone(),
            clock,
            _place: None,
        }
    }

    /// With a place that is given back at the end.
    pub(super) fn holding(mut self, place: OwnedSemaphorePermit) -> Self {
        self._place = Some(place);
        self
    }
}

impl Iterator for Messages {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if self.steps.is_empty() {
            return None;
        }
        let [i0, i1] = self.id;
        // An answer of the authority; one question, the records are counted below.
        let mut out = vec![i0, i1, 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        out.extend_from_slice(&self.question);
        let mut count = 0u16;
        while out.len() < LENGTH
            && count < u16::MAX
            && let Some(step) = self.steps.front_mut()
        {
            let ended = match step {
                Step::Soa(serial) => {
                    soa(&mut out, *serial);
                    true
                }
                Step::Ns => {
                    record(&mut out, &[], QueryType::NS, LOCALHOST);
                    true
                }
                Step::Rows(rows, at) => match rows.get(*at) {
                    Some(row) => {
                        *at += 1;
                        let wire = row.owner.as_wire();
                        let labels = wire.get(..wire.len() - 1).unwrap_or_default();
                        record(&mut out, labels, QueryType::CNAME, row.action.target());
                        false
                    }
                    None => {
                        self.steps.pop_front();
                        continue;
                    }
                },
            };
            count += 1;
            if ended {
                self.steps.pop_front();
            }
        }
        if let Some(to) = out.get_mut(6..8) {
            to.copy_from_slice(&count.to_be_bytes());
        }
        self.signer.sign(&mut out, self.clock.now().unix_seconds().cast_unsigned());
        Some(out)
    }
}

/// A record whose owner is these labels before the name of the question.
fn record(out: &mut Vec<u8>, labels: &[u8], rtype: QueryType, data: &[u8]) {
    out.extend_from_slice(labels);
    let [t0, t1] = rtype.0.to_be_bytes();
    out.extend_from_slice(&[0xC0, 12, t0, t1, 0, 1]);
    out.extend_from_slice(&TTL.to_be_bytes());
    // LIMIT: two names of ours and five words at most.
    out.extend_from_slice(&u16::try_from(data.len()).unwrap_or(0).to_be_bytes());
    out.extend_from_slice(data);
}

/// The SOA of the zone whose name stands in the question.
pub(super) fn soa(out: &mut Vec<u8>, serial: u32) {
    let mut data = [LOCALHOST, HOSTMASTER].concat();
    for word in std::iter::once(serial).chain(TIMES) {
        data.extend_from_slice(&word.to_be_bytes());
    }
    record(out, &[], QueryType::SOA, &data);
}

/// LIMIT: where a message ends; below what TCP can say, so that nobody waits long for one.
const LENGTH: usize = 16_000;
const LOCALHOST: &[u8] = b"\x09localhost\0";
const HOSTMASTER: &[u8] = b"\x0ahostmaster\x09localhost\0";
