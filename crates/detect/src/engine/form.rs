//! What can be known of a pattern before it runs: how its matches begin, how long they may be,
//! and how far from their start one of the detector's keywords stands. Next: `plan`.

use regex_syntax::hir::{
    Capture, Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look, Repetition,
};

/// LIMIT: beginnings followed at once; a pattern with more is not placed by its keywords.
const MAX_BEGINNINGS: usize = 256;
/// LIMIT: a keyword further than this from the start of a match does not place it.
const MAX_LEAD: usize = 256;

/// How far before a keyword a match may begin, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lead {
    pub(super) least: usize,
    pub(super) most: usize,
}

/// The pattern without the two letters outside ASCII that `(?i)` adds to `k` and `s` (the Kelvin
/// sign and the long s). No value is written with them, and they would keep a pattern of plain
/// letters from all that is cheap for plain letters; look-alikes are undone before a scan.
pub(super) fn plain(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0.clone()),
        HirKind::Look(look) => Hir::look(*look),
        HirKind::Class(Class::Unicode(class)) => {
            let odd = |range: &ClassUnicodeRange| {
                range.start() == range.end() && matches!(range.start(), 'ſ' | '\u{212A}')
            };
            let folded = class.iter().any(|range| range.start().is_ascii());
            let kept = class.iter().filter(|range| !(folded && odd(range))).copied();
            Hir::class(Class::Unicode(ClassUnicode::new(kept)))
        }
        HirKind::Class(Class::Bytes(class)) => Hir::class(Class::Bytes(class.clone())),
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            min: repetition.min,
            max: repetition.max,
            greedy: repetition.greedy,
            sub: Box::new(plain(&repetition.sub)),
        }),
        HirKind::Capture(capture) => Hir::capture(Capture {
            index: capture.index,
            name: capture.name.clone(),
            sub: Box::new(plain(&capture.sub)),
        }),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(plain).collect()),
        HirKind::Alternation(branches) => Hir::alternation(branches.iter().map(plain).collect()),
    }
}

/// Where one of the keywords stands in every match, and which of them (by their places in the list)
/// are enough to find all matches; `None` when some match may be without.
pub(super) fn lead(hir: &Hir, keywords: &[String]) -> Option<(Lead, Vec<usize>)> {
    if let HirKind::Alternation(branches) = bare(hir).kind() {
        return branches.iter().map(|branch| lead(branch, keywords)).reduce(wider).flatten();
    }
    let mut parts = Vec::new();
    flatten(hir, &mut parts);
    let mut before = Lead { least: 0, most: 0 };
    for (at, part) in parts.iter().enumerate() {
        if let Some(used) = starts_with_one(parts.get(at..)?, keywords) {
            return Some((before, used));
        }
        let length = part.properties();
        before.least += length.minimum_len()?;
        before.most = before.most.checked_add(length.maximum_len()?)?;
        if before.most > MAX_LEAD {
            return None;
        }
    }
    None
}

/// A lead with the keywords that it stands for.
type Led = Option<(Lead, Vec<usize>)>;

fn wider(one: Led, other: Led) -> Led {
    let ((one, mut used), (other, more)) = (one?, other?);
    used.extend(more);
    used.sort_unstable();
    used.dedup();
    Some((Lead { least: one.least.min(other.least), most: one.most.max(other.most) }, used))
}

/// Through captures.
fn bare(hir: &Hir) -> &Hir {
    match hir.kind() {
        HirKind::Capture(capture) => bare(&capture.sub),
        HirKind::Empty
        | HirKind::Literal(_)
        | HirKind::Class(_)
        | HirKind::Look(_)
        | HirKind::Repetition(_)
        | HirKind::Concat(_)
        | HirKind::Alternation(_) => hir,
    }
}

/// The parts that follow each other.
fn flatten<'h>(hir: &'h Hir, parts: &mut Vec<&'h Hir>) {
    match bare(hir).kind() {
        HirKind::Concat(inner) => inner.iter().for_each(|part| flatten(part, parts)),
        HirKind::Empty
        | HirKind::Literal(_)
        | HirKind::Class(_)
        | HirKind::Look(_)
        | HirKind::Repetition(_)
        | HirKind::Capture(_)
        | HirKind::Alternation(_) => parts.push(bare(hir)),
    }
}

/// The keywords of which one, the longest that may, stands at the start of everything that these
/// parts match.
fn starts_with_one(parts: &[&Hir], keywords: &[String]) -> Option<Vec<usize>> {
    let longest = keywords.iter().map(String::len).max().unwrap_or(0);
    let mut beginnings = vec![Beginning { text: String::new(), open: true }];
    for part in parts {
        if beginnings.iter().all(|b| !b.open || b.text.len() >= longest) {
            break;
        }
        grow(&mut beginnings, part);
    }
    let mut used = Vec::new();
    for beginning in &beginnings {
        let stand = keywords.iter().enumerate();
        let stand = stand.filter(|(_, word)| beginning.text.starts_with(word.as_str()));
        used.push(stand.max_by_key(|(_, word)| word.len())?.0);
    }
    used.sort_unstable();
    used.dedup();
    (!used.is_empty()).then_some(used)
}

/// What a match may begin with, in small letters.
#[derive(Clone)]
struct Beginning {
    text: String,
    /// Whether what follows is known to follow directly.
    open: bool,
}

/// Lengthens each beginning by a part; closes it where the part is not a few fixed texts.
fn grow(beginnings: &mut Vec<Beginning>, part: &Hir) {
    match part.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => {
            let text = String::from_utf8_lossy(&literal.0).to_lowercase();
            for beginning in beginnings.iter_mut().filter(|b| b.open) {
                beginning.text.push_str(&text);
            }
        }
        HirKind::Class(class) => match few_letters(class) {
            Some(letters) => {
                let branches: Vec<String> = letters.into_iter().map(String::from).collect();
                cross(beginnings, |beginning, out| {
                    for letter in &branches {
                        let text = format!("{}{letter}", beginning.text);
                        out.push(Beginning { text, open: true });
                    }
                });
            }
            None => close(beginnings),
        },
        HirKind::Capture(capture) => grow(beginnings, &capture.sub),
        HirKind::Concat(parts) => parts.iter().for_each(|part| grow(beginnings, part)),
        HirKind::Alternation(branches) => cross(beginnings, |beginning, out| {
            for branch in branches {
                let mut grown = vec![beginning.clone()];
                grow(&mut grown, branch);
                out.append(&mut grown);
            }
        }),
        HirKind::Repetition(repetition) => {
            for _ in 0..repetition.min.min(8) {
                grow(beginnings, &repetition.sub);
            }
            match (repetition.min, repetition.max) {
                (0, Some(1)) => cross(beginnings, |beginning, out| {
                    out.push(beginning.clone());
                    let mut grown = vec![beginning.clone()];
                    grow(&mut grown, &repetition.sub);
                    out.append(&mut grown);
                }),
                (least, Some(most)) if least == most && least <= 8 => {}
                (_, Some(_) | None) => close(beginnings),
            }
        }
    }
}

fn close(beginnings: &mut [Beginning]) {
    beginnings.iter_mut().for_each(|beginning| beginning.open = false);
}

fn cross(beginnings: &mut Vec<Beginning>, mut each: impl FnMut(&Beginning, &mut Vec<Beginning>)) {
    let mut out = Vec::new();
    for beginning in beginnings.iter() {
        if beginning.open {
            each(beginning, &mut out);
        } else {
            out.push(beginning.clone());
        }
    }
    if out.len() > MAX_BEGINNINGS {
        close(beginnings);
    } else {
        *beginnings = out;
    }
}

/// The letters of a class, in small letters, if they are few.
fn few_letters(class: &Class) -> Option<Vec<char>> {
    let mut letters: Vec<char> = Vec::new();
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => {
            class.iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
        Class::Bytes(class) => {
            class.iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
    };
    for (start, end) in ranges {
        if end - start > 16 || letters.len() > 32 {
            return None;
        }
        letters.extend(
            (start..=end).filter_map(char::from_u32).map(|c| c.to_lowercase().next().unwrap_or(c)),
        );
    }
    letters.sort_unstable();
    letters.dedup();
    (letters.len() <= 16).then_some(letters)
}

/// The bytes with which a match may begin. All of them when it may be empty.
pub(super) fn first_bytes(hir: &Hir) -> [bool; 256] {
    let mut set = [false; 256];
    if !first(hir, &mut set) {
        set = [true; 256];
    }
    set
}

/// Adds the first bytes; whether the part always takes at least one.
fn first(hir: &Hir, set: &mut [bool; 256]) -> bool {
    let mut add = |from: u8, to: u8| {
        for byte in from..=to {
            if let Some(slot) = set.get_mut(usize::from(byte)) {
                *slot = true;
            }
        }
    };
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => {
            if let Some(byte) = literal.0.first() {
                add(*byte, *byte);
            }
            true
        }
        HirKind::Class(Class::Bytes(class)) => {
            class.iter().for_each(|range| add(range.start(), range.end()));
            true
        }
        HirKind::Class(Class::Unicode(class)) => {
            for range in class.iter() {
                let byte = |c: char| u8::try_from(u32::from(c)).ok().filter(u8::is_ascii);
                match (byte(range.start()), byte(range.end())) {
                    (Some(from), Some(to)) => add(from, to),
                    (Some(from), None) => add(from, u8::MAX),
                    (None, _) => add(0x80, u8::MAX),
                }
            }
            true
        }
        HirKind::Capture(capture) => first(&capture.sub, set),
        HirKind::Repetition(repetition) => {
            let takes = first(&repetition.sub, set);
            takes && repetition.min > 0
        }
        HirKind::Concat(parts) => parts.iter().any(|part| first(part, set)),
        HirKind::Alternation(branches) => {
            let mut all = true;
            for branch in branches {
                all &= first(branch, set);
            }
            all
        }
    }
}

/// Whether every match has a digit at most so many bytes after its start.
pub(super) fn digit_within(hir: &Hir, most: usize) -> bool {
    if let HirKind::Alternation(branches) = bare(hir).kind() {
        return branches.iter().all(|branch| digit_within(branch, most));
    }
    let mut parts = Vec::new();
    flatten(hir, &mut parts);
    let mut before = 0_usize;
    for part in parts {
        if before > most {
            return false;
        }
        let found = match part.kind() {
            HirKind::Alternation(_) => digit_within(part, most - before),
            HirKind::Literal(literal) => {
                literal.0.iter().take(most - before + 1).any(u8::is_ascii_digit)
            }
            HirKind::Empty
            | HirKind::Class(_)
            | HirKind::Look(_)
            | HirKind::Repetition(_)
            | HirKind::Capture(_)
            | HirKind::Concat(_) => starts_with_digit(part),
        };
        if found {
            return true;
        }
        let Some(length) = part.properties().maximum_len() else { return false };
        before = before.saturating_add(length);
    }
    false
}

/// Each alternative of a pattern that is nothing but alternatives, else the pattern itself.
pub(super) fn branches(hir: &Hir) -> Vec<&Hir> {
    let mut parts = Vec::new();
    flatten(hir, &mut parts);
    parts.retain(|part| !matches!(part.kind(), HirKind::Look(_) | HirKind::Empty));
    match parts.as_slice() {
        [part] => match part.kind() {
            HirKind::Alternation(branches) => branches.iter().collect(),
            HirKind::Empty
            | HirKind::Literal(_)
            | HirKind::Class(_)
            | HirKind::Look(_)
            | HirKind::Repetition(_)
            | HirKind::Capture(_)
            | HirKind::Concat(_) => vec![hir],
        },
        _ => vec![hir],
    }
}

/// How many bytes of this kind every match begins with, at least.
pub(super) fn leading(hir: &Hir, kind: fn(u8) -> bool) -> usize {
    if let HirKind::Alternation(branches) = bare(hir).kind() {
        return branches.iter().map(|branch| leading(branch, kind)).min().unwrap_or(0);
    }
    let mut parts = Vec::new();
    flatten(hir, &mut parts);
    let mut length = 0;
    for part in parts {
        length += match part.kind() {
            HirKind::Alternation(_) => leading(part, kind),
            HirKind::Empty
            | HirKind::Literal(_)
            | HirKind::Class(_)
            | HirKind::Look(_)
            | HirKind::Repetition(_)
            | HirKind::Capture(_)
            | HirKind::Concat(_) => {
                if !is_all(part, kind) {
                    return length;
                }
                part.properties().minimum_len().unwrap_or(0)
            }
        };
        if !is_all(part, kind) {
            return length;
        }
    }
    length
}

/// Whether whatever the part matches is of this kind throughout.
fn is_all(hir: &Hir, kind: fn(u8) -> bool) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => literal.0.iter().all(|byte| kind(*byte)),
        HirKind::Class(_) => {
            let mut set = [false; 256];
            first(hir, &mut set);
            (0..=u8::MAX).zip(set).all(|(byte, possible)| !possible || kind(byte))
        }
        HirKind::Repetition(repetition) => is_all(&repetition.sub, kind),
        HirKind::Capture(capture) => is_all(&capture.sub, kind),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().all(|part| is_all(part, kind))
        }
    }
}

/// Whether the part takes at least one byte and first of all a digit.
fn starts_with_digit(hir: &Hir) -> bool {
    let mut set = [false; 256];
    first(hir, &mut set)
        && (0..=u8::MAX).zip(set).all(|(byte, possible)| !possible || byte.is_ascii_digit())
}

/// Whether every match ends with a digit.
pub(super) fn ends_with_digit(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => literal.0.last().is_some_and(u8::is_ascii_digit),
        HirKind::Class(_) => starts_with_digit(hir),
        HirKind::Repetition(repetition) => repetition.min > 0 && ends_with_digit(&repetition.sub),
        HirKind::Capture(capture) => ends_with_digit(&capture.sub),
        HirKind::Concat(parts) => {
            let mut parts = parts.iter().rev();
            let last = parts.find(|part| !matches!(part.kind(), HirKind::Look(_)));
            last.is_some_and(ends_with_digit)
        }
        HirKind::Alternation(branches) => branches.iter().all(ends_with_digit),
    }
}

/// Whether the pattern looks around in a way that no small automaton can.
pub(super) fn looks_far(hir: &Hir) -> bool {
    hir.properties().look_set().contains_word_unicode()
        || hir.properties().look_set().contains(Look::WordUnicodeNegate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead_of(pattern: &str, keywords: &[&str]) -> Option<(usize, usize)> {
        let keywords: Vec<String> = keywords.iter().map(|word| (*word).to_owned()).collect();
        lead(&plain(&regex_syntax::parse(pattern).unwrap()), &keywords)
            .map(|(lead, _)| (lead.least, lead.most))
    }

    #[test]
    fn keywords_place_matches() {
        for (pattern, keywords, expected) in [
            ("AKIA[A-Z0-9]{16}", &["akia"][..], Some((0, 0))),
            ("(?:AKIA|ASIA)[A-Z0-9]{16}", &["akia", "asia"], Some((0, 0))),
            ("(?:AKIA|ASIA)[A-Z0-9]{16}", &["akia"], None),
            ("(?i)sk-ant-[a-z]{9}", &["sk-ant"], Some((0, 0))),
            ("gh[pousr]_[0-9A-Za-z]{36}", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], Some((0, 0))),
            ("gh[pousr]_[0-9A-Za-z]{36}", &["ghp_"], None),
            ("(?i)[a-z_]{0,20}?linear.{0,20}(?P<value>x{9})", &["linear"], Some((0, 20))),
            ("[a-z]*linear", &["linear"], None),
            ("[a-z0-9]{1,64}@[a-z]+", &["@"], Some((1, 64))),
            ("https?://[a-z]+", &["://"], Some((4, 5))),
            ("(?-u:\\b)(?P<value>sk_live_[a-z]+)", &["sk_live_"], Some((0, 0))),
            ("(?:x)?AKIA", &["akia"], Some((0, 1))),
            ("[0-9]{9}", &["ssn"], None),
        ] {
            assert_eq!(lead_of(pattern, keywords), expected, "{pattern}");
        }
    }

    #[test]
    fn digits_show_early() {
        for (pattern, expected) in [
            ("[0-9]{9}", true),
            ("[A-Z]{2}[0-9]{6}", true),
            ("[A-Z]{2,7}[0-9]", false),
            ("(?:[A-Z]{3}[0-9]|[0-9]{2})x", true),
            ("[A-Z][A-Z0-9]{8}", false),
            ("[A-Z]+[0-9]", false),
            ("\\+27x", true),
            ("(?:D6W|[A-Z][0-9])[a-z]", true),
            ("[0-9]?[a-z]", false),
        ] {
            assert_eq!(
                digit_within(&regex_syntax::parse(pattern).unwrap(), 6),
                expected,
                "{pattern}"
            );
        }
    }

    #[test]
    fn ends_are_digits_or_may_be_something_else() {
        let ends = |pattern: &str| ends_with_digit(&regex_syntax::parse(pattern).unwrap());
        for pattern in ["[0-9]{9}", "x(?:1|[0-9]+)", "a(?P<value>[4-6])(?-u:\\b)"] {
            assert!(ends(pattern), "{pattern}");
        }
        for pattern in ["[0-9]{8}[A-Z]", "[0-9]x?", "1|a", "", "[0-9]*", "[0-9a]"] {
            assert!(!ends(pattern), "{pattern}");
        }
    }

    #[test]
    fn leading_bytes_are_counted() {
        let count = |pattern: &str| {
            leading(&regex_syntax::parse(pattern).unwrap(), |byte| byte.is_ascii_alphanumeric())
        };
        assert_eq!(count("[A-Z0-9]{17}"), 17);
        assert_eq!(count("[A-Z]{2}(?:[0-9]{6,8}|[A-Z]{3})x-y"), 5);
        assert_eq!(count("[A-Z]{2}[ -]?[0-9]{6}"), 2);
        assert_eq!(count("(?:ab|c)\\s+x"), 1);
    }

    #[test]
    fn first_bytes_are_all_that_may_be() {
        let begins = |pattern: &str| -> String {
            let set = first_bytes(&regex_syntax::parse(pattern).unwrap());
            (0..128_u8).filter(|b| set[usize::from(*b)]).map(char::from).collect()
        };
        assert_eq!(begins("\\(?[0-2]x"), "(012");
        assert_eq!(begins("(?:a|b?c)d"), "abc");
        assert_eq!(begins("[xy]{2,3}"), "xy");
        assert_eq!(begins("x?").len(), 128);
    }
}
