//! Short values that come again and again under the same key (`"kind": "weather"`): what was looked
//! at and found to hold nothing at all is not looked at again in the same payload. Next: `neighbours`.
//!
//! INVARIANT: a value is passed over only if key and text are the same, byte for byte, and looking
//! at it left no trace: no finding, no fault, nothing gathered for later. What it was taken for by a
//! guess that came to nothing (the date of `2026-11-05T10:00` read as a number with a letter for a
//! digit) is no trace where every field is one of its own; work and decoded bytes are charged again.

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
    /// What it takes of the limits of work and of decoded bytes.
    work: usize,
    decoded: usize,
}

/// What an inspection has found and kept so far.
pub(super) struct Trace {
    pub(super) kept: usize,
    pub(super) decoded: usize,
    pub(super) seen: usize,
    /// Texts that were searched for everything.
    pub(super) searched: usize,
    pub(super) complete: bool,
}

impl Trace {
    /// Whether what was looked at since held nothing. `guesses` says that what was seen in it does
    /// not matter to any other value.
    fn held_nothing(&self, now: &Self, guesses: bool) -> bool {
        let guessed = now.searched == self.searched + 1 && guesses;
        let unseen = (now.decoded, now.seen) == (self.decoded, self.seen);
        now.kept == self.kept && now.complete == self.complete && (unseen || guessed)
    }
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
        if let Some((work, decoded)) = known.map(|slot| (slot.work, slot.decoded)) {
            self.charge_decoded(decoded);
            if self.charge_work(work) {
                self.again(text, site);
            }
            return;
        }
        let (before, work) = (self.trace(), self.scanned);
        self.look(text, site);
        let now = self.trace();
        // Within a text all values share one field, and what was seen in one counts for the next.
        if before.held_nothing(&now, self.chain.is_empty()) {
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
                (slot.work, slot.decoded) = (self.scanned - work, now.decoded - before.decoded);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::detectors::Detectors;
    use crate::inspect::tests::inspect_by;
    use crate::inspect::{Inspector, Limits, Looks, Media, Outcome, Report};
    use crate::options::{Notes, ScanOptions};

    fn inspected(rows: &[String]) -> Report {
        let body = format!("[{}]", rows.join(","));
        let inspector = Inspector::new(Detectors::builtin());
        inspect_by(&inspector, Media::Json, body.as_bytes(), &Looks::default())
    }

    /// As a verdict looks, which leaves out what only notes.
    fn verdict(rows: &[String], decoded: usize) -> Report {
        let scan = ScanOptions { notes: Notes::none(), ..ScanOptions::default() };
        let limits = Limits { decoded, ..Limits::default() };
        let body = format!("[{}]", rows.join(","));
        let inspector = Inspector::new(Detectors::builtin());
        let looks = Looks { scan, limits, ..Looks::default() };
        inspect_by(&inspector, Media::Json, body.as_bytes(), &looks)
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
    fn what_was_guessed_in_vain_is_passed_over_and_charged() {
        let row = |at: &str| format!(r#"{{"created":"2026-11-05T{at}:00:00Z"}}"#);
        // In so few fields nothing is passed over yet.
        let work = |count| verdict(&rows(count, &row("10")), 1 << 20).scanned;
        assert_eq!(work(200) - work(100), 20 * (work(10) - work(5)));
        assert!(verdict(&rows(300, &row("10")), 1 << 20).found.is_empty());
        // Decoded bytes are charged as well: past their limit the answer is a refusal.
        let report = verdict(&rows(300, &row("10")), 2000);
        assert_eq!(report.outcome, Outcome::OverLimit("decoded"));
    }

    #[test]
    fn a_card_in_disguise_is_found_each_time() {
        for count in [1, 30, 90] {
            let all = rows(count, r#"{"note":"4ll1 IIII l1l1 1111"}"#);
            let report = inspected(&all);
            let cards = report.found.iter().filter(|found| &*found.hit.entity == "CREDIT_CARD");
            assert_eq!(cards.count(), count);
        }
    }

    /// Planted among clean ones: as they are, in disguise, encoded, and such as only look like it.
    const VALUES: [&str; 10] = [
        "536-90-4399",
        "536904399",
        "4ll1 IIII l1l1 1111",
        "2026-11-05T10:00:00Z",
        "2026-11-06T10:00:00Z",
        "weather station",
        "jane.roe@acme-corp.com",
        "bXkgc3NuIGlzIDUzNi05MC00Mzk5",
        "\\u0035\\u0033\\u0036-90-4399",
        "123e4567-e89b-42d3-a456-426614174000",
    ];
    const KEYS: [&str; 4] = ["ssn", "zzn", "created", "note"];

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(12))]
        #[test]
        fn in_each_row_is_found_what_is_found_in_it_alone(
            drawn in proptest::collection::vec((0..KEYS.len(), 0..VALUES.len()), 30..80),
        ) {
            // What holds a blank parts the values, so that none is joined with the next.
            let row = |(key, value): &(usize, usize)| {
                format!(r#"{{"{}":"{}","then":"and so on"}}"#, KEYS[*key], VALUES[*value])
            };
            let rows: Vec<String> = drawn.iter().map(row).collect();
            let found = |report: &Report, number: usize| {
                let at = format!("/{number}/");
                let of_row = report.found.iter().filter(|found| found.pointer.starts_with(&at));
                of_row.map(|found| (found.chain.clone(), found.hit.clone())).collect::<Vec<_>>()
            };
            let looks: [fn(&[String]) -> Report; 2] = [inspected, |rows| verdict(rows, 1 << 20)];
            for look in looks {
                let all = look(&rows);
                for (number, row) in rows.iter().enumerate() {
                    let alone = look(std::slice::from_ref(row));
                    proptest::prop_assert_eq!(found(&all, number), found(&alone, 0), "{}", row);
                }
            }
        }
    }

    #[test]
    fn what_is_passed_over_counts_as_work() {
        let work = |count| inspected(&rows(count, r#"{"kind":"weather station"}"#)).scanned;
        assert_eq!(work(300) - work(200), work(200) - work(100));
        assert!(work(300) >= 300 * "weather station".len());
    }
}
