//! The world's numbering plans, from libphonenumber's metadata: which national numbers are in use.
//!
//! The metadata stands in `packs/phones.tsv` (made by `examples/phone_plans.rs`): one line for
//! each region. Its patterns use digits, `\d`, classes, groups, `|`, `?` and `{n,m}` only, so they
//! are read where they stand, by a set of places that moves through the number: nothing is
//! compiled, nothing is kept, and 73 KB of text is all the memory it needs. Next: `number`.

use std::sync::OnceLock;

/// One region's plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    code: &'static str,
    region: &'static str,
    trunk: &'static str,
    leading: &'static str,
    fixed: &'static str,
    mobile: &'static str,
    other: &'static str,
}

/// What a number reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// A place.
    Fixed,
    /// A pocket.
    Mobile,
    /// A service: free, premium, shared, voice over IP, pager.
    Other,
}

fn plans() -> &'static [Plan] {
    static PLANS: OnceLock<Vec<Plan>> = OnceLock::new();
    PLANS.get_or_init(|| {
        include_str!("../../packs/phones.tsv").lines().filter_map(Plan::read).collect()
    })
}

impl Plan {
    fn read(line: &'static str) -> Option<Self> {
        let mut fields = line.split('\t');
        let code = fields.next().filter(|code| !code.starts_with('#'))?;
        let (region, _, trunk, leading) =
            (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        Some(Self {
            code,
            region,
            trunk,
            leading,
            fixed: fields.next()?,
            mobile: fields.next()?,
            other: fields.next().unwrap_or_default(),
        })
    }

    /// The plan of a region by its two letters.
    pub(crate) fn of(region: &str) -> Option<&'static Self> {
        plans().iter().find(|plan| plan.region == region)
    }

    /// What a number as it is dialled at home reaches, with or without the trunk prefix.
    pub(crate) fn national(&self, digits: &str) -> Option<Line> {
        let stripped = digits.strip_prefix(self.trunk).filter(|_| !self.trunk.is_empty());
        stripped.and_then(|rest| self.line(rest)).or_else(|| self.line(digits))
    }

    /// What a national significant number reaches.
    fn line(&self, digits: &str) -> Option<Line> {
        if !self.leading.is_empty() && reach(self.leading, digits) == 0 {
            return None;
        }
        let kinds =
            [(self.fixed, Line::Fixed), (self.mobile, Line::Mobile), (self.other, Line::Other)];
        kinds.into_iter().find(|(pattern, _)| matches(pattern, digits)).map(|(_, line)| line)
    }
}

/// The region of an international number (calling code first, no `+`), and what it reaches.
pub(crate) fn international(digits: &str) -> Option<(&'static str, Line)> {
    for length in 1..=3 {
        let (code, rest) = digits.split_at_checked(length)?;
        let mut known = plans().iter().filter(|plan| plan.code == code).peekable();
        if known.peek().is_none() {
            continue;
        }
        // The trunk prefix is often written after the calling code: `+44 (0)20 …`.
        return known.find_map(|plan| {
            let number = plan.line(rest).or_else(|| plan.line(rest.strip_prefix(plan.trunk)?));
            number.map(|line| (plan.region, line))
        });
    }
    None
}

/// Whether the pattern says the whole number.
fn matches(pattern: &str, digits: &str) -> bool {
    !pattern.is_empty()
        && reach(pattern, digits) & 1_u32.checked_shl(digits.len() as u32).unwrap_or_default() != 0
}

/// The places of the number (as bits) at which the pattern can end, begun at its start.
fn reach(pattern: &str, digits: &str) -> u32 {
    if digits.len() > 20 {
        return 0;
    }
    let mut at = [0_u32; 10];
    for (place, digit) in digits.bytes().enumerate() {
        if let Some(places) = at.get_mut(usize::from(digit.wrapping_sub(b'0'))) {
            *places |= 1 << place;
        }
    }
    Reader { rest: pattern.as_bytes(), at: &at }.alternatives(1)
}

/// Reads a pattern from left to right, once.
#[derive(Clone, Copy)]
struct Reader<'p> {
    rest: &'p [u8],
    /// The places at which each digit stands.
    at: &'p [u32; 10],
}

impl Reader<'_> {
    /// Up to the end of the group.
    fn alternatives(&mut self, starts: u32) -> u32 {
        let (mut ends, mut current) = (0, starts);
        loop {
            match self.rest {
                [] | [b')', ..] => return ends | current,
                [b'|', rest @ ..] => {
                    self.rest = rest;
                    ends |= current;
                    current = starts;
                }
                _ => current = self.repeated(current),
            }
        }
    }

    /// An atom with what follows it: `?`, `{n}`, `{n,m}` or nothing.
    fn repeated(&mut self, starts: u32) -> u32 {
        let atom = *self;
        let once = self.atom(starts);
        match self.rest {
            [b'?', rest @ ..] => {
                self.rest = rest;
                starts | once
            }
            [b'{', rest @ ..] => {
                let (least, rest) = count(rest);
                let (most, rest) = match rest {
                    [b',', rest @ ..] => count(rest),
                    _ => (least, rest),
                };
                self.rest = rest.strip_prefix(b"}").unwrap_or(rest);
                let mut ends = if least == 0 { starts } else { 0 };
                let mut current = starts;
                for done in 1..=most {
                    current = if done == 1 { once } else { atom.clone().atom(current) };
                    if done >= least {
                        ends |= current;
                    }
                }
                ends
            }
            _ => once,
        }
    }

    fn atom(&mut self, starts: u32) -> u32 {
        match self.rest {
            [b'(', rest @ ..] => {
                self.rest = rest.strip_prefix(b"?:").unwrap_or(rest);
                let ends = self.alternatives(starts);
                self.rest = self.rest.strip_prefix(b")").unwrap_or(self.rest);
                ends
            }
            [b'[', rest @ ..] => {
                let close = rest.iter().position(|sign| *sign == b']').unwrap_or(rest.len());
                let (class, after) = rest.split_at_checked(close).unwrap_or((rest, &[]));
                self.rest = after.strip_prefix(b"]").unwrap_or(after);
                self.step(starts, class)
            }
            [b'\\', _, rest @ ..] => {
                self.rest = rest;
                self.step(starts, b"0-9")
            }
            [sign, rest @ ..] => {
                self.rest = rest;
                self.step(starts, &[*sign])
            }
            [] => 0,
        }
    }

    /// Moves every place whose digit is of the class one on.
    fn step(&self, starts: u32, class: &[u8]) -> u32 {
        let mut standing = 0;
        let mut signs = class;
        loop {
            let (from, to, rest) = match signs {
                [from, b'-', to, rest @ ..] => (*from, *to, rest),
                [one, rest @ ..] => (*one, *one, rest),
                [] => break,
            };
            for digit in from..=to {
                standing |=
                    self.at.get(usize::from(digit.wrapping_sub(b'0'))).copied().unwrap_or_default();
            }
            signs = rest;
        }
        (starts & standing) << 1
    }
}

fn count(text: &[u8]) -> (u32, &[u8]) {
    let digits = text.iter().take_while(|sign| sign.is_ascii_digit()).count();
    let (number, rest) = text.split_at_checked(digits).unwrap_or((text, &[]));
    (number.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_say_whole_numbers() {
        for (pattern, digits, expected) in [
            (r"4\d{4}", "40123", true),
            (r"4\d{4}", "401234", false),
            (r"(?:0[1-9]|[1589]\d)\d{2,3}", "0112", true),
            (r"(?:0[1-9]|[1589]\d)\d{2,3}", "01123", true),
            (r"(?:0[1-9]|[1589]\d)\d{2,3}", "0012", false),
            (r"12(?:34)?5", "125", true),
            (r"12(?:34)?5", "12345", true),
            (r"(?:1|2(?:3|4[5-7])){2}", "1246", true),
            ("", "", false),
        ] {
            assert_eq!(matches(pattern, digits), expected, "{pattern} {digits}");
        }
    }

    #[test]
    fn every_region_is_there() {
        assert!(plans().len() > 240);
        for region in ["US", "GB", "DE", "IN", "001"] {
            assert!(Plan::of(region).is_some(), "{region}");
        }
        assert!(plans().iter().all(|plan| (1..=3).contains(&plan.code.len())));
    }

    #[test]
    fn numbers_of_the_regulators() {
        // Numbers set aside for drama or printed by the regulators, and their neighbours.
        for (digits, region) in [
            ("12015550123", "US"),
            ("16135550199", "CA"),
            ("447400123456", "GB"),
            ("4402079460000", "GB"),
            ("4930123456", "DE"),
            ("39066784343", "IT"),
            ("41715269904", "CH"),
            ("917410410123", "IN"),
            ("639171234567", "PH"),
            ("972502345678", "IL"),
        ] {
            assert_eq!(international(digits).map(|(region, _)| region), Some(region), "{digits}");
        }
        for digits in ["1115550123", "44740012345", "21999", "", "8", "10000000000", "42123"] {
            assert!(international(digits).is_none(), "{digits}");
        }
    }
}
