//! The part of `deny.toml` that this program holds crates to. Reads just the TOML that the file is
//! written in (tables, strings, arrays, inline tables, comments) and says so if it finds none.

use std::collections::BTreeMap;

use anyhow::ensure;

/// What crates are held to.
#[derive(Debug)]
pub(super) struct Rules {
    /// Licences that any crate may have.
    pub(super) allowed: Vec<String>,
    /// Further licences of single crates.
    pub(super) exceptions: BTreeMap<String, Vec<String>>,
    /// Crates that must not be here.
    pub(super) banned: Vec<String>,
}

impl Rules {
    /// Reads the file's text.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let mut rules = Self { allowed: vec![], exceptions: BTreeMap::new(), banned: vec![] };
        let bare: Vec<&str> =
            text.lines().map(|line| line.split('#').next().unwrap_or_default()).collect();
        for section in bare.join("\n").split("\n[") {
            let Some((name, body)) = section.trim_start_matches(['[', '\n']).split_once(']') else {
                continue;
            };
            match name {
                "licenses" => {
                    rules.allowed = strings(value(body, "allow"));
                    for item in value(body, "exceptions").split('}') {
                        if let Some(krate) = strings(value(item, "crate")).first() {
                            rules.exceptions.insert(krate.clone(), strings(value(item, "allow")));
                        }
                    }
                }
                "bans" => {
                    for item in value(body, "deny").split('}') {
                        rules.banned.extend(strings(value(item, "crate")).into_iter().take(1));
                    }
                }
                _ => {}
            }
        }
        ensure!(
            !rules.allowed.is_empty(),
            "`deny.toml` allows no licence: is it still written as this program reads it?"
        );
        Ok(rules)
    }
}

/// What stands behind `key =`: to the bracket that closes it, or to the end of the line or item.
fn value<'a>(body: &'a str, key: &str) -> &'a str {
    let starts = body.match_indices(key).find(|(at, _)| {
        let before = body.get(..*at).unwrap_or_default().chars().next_back();
        let after = body.get(at + key.len()..).unwrap_or_default().trim_start();
        before.is_none_or(|c| c == '\n' || c == ' ' || c == '{' || c == ',')
            && after.starts_with('=')
    });
    let rest = starts
        .and_then(|(at, _)| body.get(at + key.len()..))
        .and_then(|rest| rest.split_once('='))
        .map_or("", |(_, rest)| rest);
    let rest = rest.trim_start();
    if !rest.starts_with('[') {
        return rest.split(['\n', ',']).next().unwrap_or_default();
    }
    let mut depth = 0_u32;
    for (at, c) in rest.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return rest.get(..at).unwrap_or_default();
        }
    }
    rest
}

fn strings(value: &str) -> Vec<String> {
    value.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_file_is_read_whole() {
        let rules = Rules::parse(include_str!("../../../deny.toml")).unwrap();
        assert!(
            rules.allowed.contains(&"Apache-2.0".to_owned()) && rules.allowed.len() > 5,
            "{rules:?}"
        );
        assert!(rules.banned.contains(&"openssl".to_owned()), "{rules:?}");
    }

    #[test]
    fn exceptions_and_bans() {
        let text = "[licenses]\nallow = [ \"MIT\", # yes\n \"ISC\" ]\nexceptions = [\n  { crate = \"m\", allow = [\"MPL-2.0\"] },\n  { crate = \"n\", allow = [\"X\", \"Y\"] },\n]\n[bans]\nmultiple-versions = \"warn\"\ndeny = [{ crate = \"o\", reason = \"r\" }, { crate = \"p\" }]\n";
        let rules = Rules::parse(text).unwrap();
        assert_eq!(rules.allowed, ["MIT", "ISC"]);
        assert_eq!(rules.exceptions["m"], ["MPL-2.0"]);
        assert_eq!(rules.exceptions["n"], ["X", "Y"]);
        assert_eq!(rules.banned, ["o", "p"]);
        assert!(Rules::parse("[bans]\n").is_err());
    }
}
