//! Short values that come again and again under the same key (`"kind": "weather"`): what was looked
//! at and found to hold nothing at all is not looked at again in the same payload. Next: `neighbours`.
//!
//! INVARIANT: a value is passed over only if key and text are the same, byte for byte, and looking
//! at it left no trace: no finding, no fault, nothing decoded, nothing remembered.

use super::Transform;
use super::inspection::{Inspection, Site};

/// LIMIT: the longest value that is remembered, in bytes.
const MAX_VALUE: usize = 64;
/// LIMIT: values that are remembered.
const SLOTS: usize = 256;
/// Fields before anything is remembered: a small payload hardly repeats itself.
const FIELDS: usize = 24;

/// Values that held nothing.
#[derive(Default)]
pub(super) struct Repeats {
    slots: Vec<Slot>,
    /// What had been undone where they stood.
    chain: Vec<Transform>,
    /// Which of the slots count: those of this round.
    round: u32,
}

#[derive(Default, Clone)]
struct Slot {
    round: u32,
    content: bool,
    key: Option<String>,
    text: String,
    /// What it takes of the limit of work.
    work: usize,
}

/// What an inspection has found and kept so far.
#[derive(PartialEq, Eq)]
pub(super) struct Trace {
    pub(super) kept: usize,
    pub(super) decoded: usize,
    pub(super) seen: usize,
    pub(super) complete: bool,
}

impl Slot {
    fn is(&self, round: u32, text: &str, site: &Site<'_>) -> bool {
        self.round == round
            && self.content == site.content
            && self.text == text
            && self.key.as_deref() == site.key
    }
}

/// A place by the first and the last bytes: equal ones meet, and of others one gives way.
fn place(text: &str, site: &Site<'_>) -> usize {
    let eight = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |eight| u64::from_le_bytes(*eight));
    let bytes = text.as_bytes();
    let (first, last) = (eight(bytes.first_chunk()), eight(bytes.last_chunk()));
    let short = bytes.iter().take(7).fold(0, |sum, b| sum << 8 | u64::from(*b));
    let key = site.key.unwrap_or_default().as_bytes();
    let named = key.len() as u64 ^ u64::from(key.last().copied().unwrap_or_default()) << 8;
    let mixed = (first ^ last.rotate_left(23) ^ short.rotate_left(7) ^ named << 40)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(mixed >> 40).unwrap_or_default() % SLOTS
}

impl Inspection<'_> {
    /// Looks at a value, unless it was looked at before and held nothing.
    pub(super) fn look_once(&mut self, text: &str, site: &Site<'_>) {
        // What stands above an author's address counts as well: see `authors`.
        if self.fields < FIELDS || text.len() > MAX_VALUE || text.contains('@') {
            self.look(text, site);
            return;
        }
        if self.repeats.chain != self.chain || self.repeats.round == 0 {
            self.repeats.chain.clone_from(&self.chain);
            self.repeats.round += 1;
        }
        let (round, at) = (self.repeats.round, place(text, site));
        let known = self.repeats.slots.get(at).filter(|slot| slot.is(round, text, site));
        if let Some(work) = known.map(|slot| slot.work) {
            if self.charge_work(work) {
                self.again(text, site);
            }
            return;
        }
        let (before, work) = (self.trace(), self.scanned);
        self.look(text, site);
        if self.trace() == before {
            let slots = &mut self.repeats.slots;
            if slots.is_empty() {
                slots.resize(SLOTS, Slot::default());
            }
            if let Some(slot) = slots.get_mut(at) {
                let mut key = slot.key.take().unwrap_or_default();
                key.clear();
                slot.key = site.key.map(|named| {
                    key.push_str(named);
                    key
                });
                slot.text.clear();
                slot.text.push_str(text);
                (slot.round, slot.content) = (round, site.content);
                slot.work = self.scanned - work;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::detectors::Detectors;
    use crate::inspect::tests::inspect_by;
    use crate::inspect::{Inspector, Looks, Media, Report};

    fn inspected(rows: &[String]) -> Report {
        let body = format!("[{}]", rows.join(","));
        let inspector = Inspector::new(Detectors::builtin());
        inspect_by(&inspector, Media::Json, body.as_bytes(), &Looks::default())
    }

    fn rows(count: usize, one: &str) -> Vec<String> {
        vec![one.to_owned(); count]
    }

    fn refusals(rows: &[String]) -> usize {
        let report = inspected(rows);
        report.found.iter().filter(|found| &*found.hit.entity == "US_SSN").count()
    }

    #[test]
    fn what_was_clean_under_one_key_is_looked_at_under_another() {
        let clean = rows(60, r#"{"part":"536904399"}"#);
        assert_eq!(refusals(&clean), 0);
        let mut mixed = clean.clone();
        mixed.push(r#"{"ssn":"536904399"}"#.to_owned());
        mixed.extend(clean);
        assert_eq!(refusals(&mixed), 1);
        // A key of the same length that ends alike.
        let mut alike = rows(60, r#"{"zzn":"536904399"}"#);
        alike.push(r#"{"ssn":"536904399"}"#.to_owned());
        assert_eq!(refusals(&alike), 1);
    }

    #[test]
    fn what_is_found_is_found_each_time_and_hides_behind_no_other() {
        let one = refusals(&rows(1, r#"{"ssn":"536-90-4399"}"#));
        assert_eq!((one, refusals(&rows(3, r#"{"ssn":"536-90-4399"}"#))), (1, 3));
        // Values that begin and end alike share a place.
        let mut rows = rows(60, r#"{"note":"northern 536904398 northern"}"#);
        rows.push(r#"{"note":"northern 536-90-4399 northern"}"#.to_owned());
        assert_eq!(refusals(&rows), 1);
    }

    #[test]
    fn values_within_a_text_are_not_taken_for_those_outside() {
        // Under `data` the digits are clean; as JSON within a field named `ssn` they are none.
        let mut all = rows(40, r#"{"data":"536904399"}"#);
        all.push(r#"{"ssn":"{\"data\":\"x\",\"ssn\":\"536904399\"}"}"#.to_owned());
        assert!(refusals(&all) >= 1);
    }

    #[test]
    fn parts_of_a_split_value_are_joined_though_each_came_before() {
        let cards = |rows: &[String]| {
            let report = inspected(rows);
            report.found.iter().filter(|found| &*found.hit.entity == "CREDIT_CARD").count()
        };
        let split = ["4111", "1111", "1111", "1111"].map(|part| format!("\"{part}\"")).join(",");
        let card = format!(r#"{{"part":[{split}]}}"#);
        assert_eq!(cards(std::slice::from_ref(&card)), 1);
        // Each part is clean, and known as such, under the same key.
        for part in ["1111", "4111"] {
            let mut all = rows(100, &format!(r#"{{"part":"{part}"}},{{"note":"northern"}}"#));
            all.push(card.clone());
            assert_eq!(cards(&all), 1, "after {part}");
        }
    }

    #[test]
    fn what_is_passed_over_counts_as_work() {
        let work = |count| inspected(&rows(count, r#"{"kind":"weather station"}"#)).scanned;
        assert_eq!(work(300) - work(200), work(200) - work(100));
        assert!(work(300) >= 300 * "weather station".len());
    }
}
