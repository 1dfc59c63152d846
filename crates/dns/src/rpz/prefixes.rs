//! The addresses of a zone's rules: the longest prefix counts. Must not know zones.
//! Next: `trigger`.

use super::action::Action;
use std::net::IpAddr;

/// The rules of addresses, by length of prefix, longest first.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    four: Vec<Level>,
    six: Vec<Level>,
}

/// The rules of one length, sorted by prefix.
#[derive(Debug, Default)]
struct Level {
    bits: u8,
    rules: Vec<(u128, Action)>,
}

impl Prefixes {
    /// How many rules there are.
    pub(crate) fn len(&self) -> usize {
        self.four.iter().chain(&self.six).map(|level| level.rules.len()).sum()
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.four.is_empty() && self.six.is_empty()
    }
    /// What it takes of memory.
    pub(crate) fn octets(&self) -> usize {
        let levels = self.four.iter().chain(&self.six);
        levels.map(|level| level.rules.capacity() * size_of::<(u128, Action)>()).sum()
    }

    /// Adds the rules of a zone; the last of two equal ones counts.
    pub(crate) fn of(rules: impl IntoIterator<Item = ((IpAddr, u8), Action)>) -> Self {
        let mut all = Self::default();
        for ((address, bits), action) in rules {
            let (levels, key) = match address {
                IpAddr::V4(four) => (&mut all.four, u128::from(u32::from(four))),
                IpAddr::V6(six) => (&mut all.six, u128::from(six)),
            };
            let at = match levels.binary_search_by(|level| bits.cmp(&level.bits)) {
                Ok(at) => at,
                Err(at) => {
                    levels.insert(at, Level { bits, rules: Vec::new() });
                    at
                }
            };
            if let Some(level) = levels.get_mut(at) {
                level.rules.push((key, action));
            }
        }
        for level in all.four.iter_mut().chain(&mut all.six) {
            level.rules.sort_unstable_by_key(|(key, _)| *key);
            level.rules.shrink_to_fit();
        }
        all
    }

    /// The longest prefix that holds this address: its length and its action.
    pub(crate) fn find(&self, address: IpAddr) -> Option<(u8, Action)> {
        let (levels, key, width) = match address {
            IpAddr::V4(four) => (&self.four, u128::from(u32::from(four)), 32u8),
            IpAddr::V6(six) => (&self.six, u128::from(six), 128),
        };
        levels.iter().find_map(|level| {
            let key = masked(key, width, level.bits);
            let at = level.rules.binary_search_by_key(&key, |(key, _)| *key).ok()?;
            level.rules.get(at).map(|(_, action)| (level.bits, *action))
        })
    }
}

/// The first `bits` of a number that is `width` bits wide.
pub(crate) const fn masked(key: u128, width: u8, bits: u8) -> u128 {
    let gone = width.saturating_sub(bits);
    if gone >= 128 { 0 } else { (key >> gone) << gone }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_counts_in_each_family() {
        let rule = |text: &str, bits, action| ((text.parse().unwrap(), bits), action);
        let table = Prefixes::of([
            rule("0.0.0.0", 0, Action::Nodata),
            rule("192.0.2.0", 24, Action::Nxdomain),
            rule("192.0.2.7", 32, Action::Passthru),
            rule("2001:db8::", 32, Action::Drop),
            rule("::", 0, Action::TcpOnly),
        ]);
        let check =
            |ip: &str, expected| assert_eq!(table.find(ip.parse().unwrap()), Some(expected));
        check("192.0.2.7", (32, Action::Passthru));
        check("192.0.2.8", (24, Action::Nxdomain));
        check("198.51.100.1", (0, Action::Nodata));
        check("2001:db8:1::1", (32, Action::Drop));
        check("2001:db9::1", (0, Action::TcpOnly));
        assert_eq!(table.len(), 5);
        assert_eq!(Prefixes::default().find("192.0.2.7".parse().unwrap()), None);
    }
}
