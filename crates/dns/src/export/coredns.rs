//! The same names for CoreDNS, which knows no policy zones: a server block for each name, the
//! longest of which counts. Next: `resolver`.
//!
//! A block of CoreDNS holds for its zone and all below it, so a bare `forward` in it opens every
//! child of an allowed name; `template` shuts what the name's rule does not open. Nobody has run
//! these in the tests: Debian has no CoreDNS.

use super::text::absolute;
use backstop_model::name::{NameGate, NamePart, NameRule, QueryName, QueryType};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A Corefile that forwards open names of these types to `upstream` and answers NXDOMAIN to all
/// others.
#[must_use]
pub fn render(rules: &[NameRule], types: &[QueryType], upstream: &str) -> String {
    let mut names: BTreeMap<&[u8], (&QueryName, [Option<NameGate>; 2])> = BTreeMap::new();
    for rule in rules {
        let place = match rule.part {
            NamePart::Itself => 0,
            NamePart::Below => 1,
        };
        let (_, said) = names.entry(rule.name.as_wire()).or_insert((&rule.name, [None, None]));
        if let Some(slot) = said.get_mut(place) {
            *slot = Some(rule.gate);
        }
    }
    let below = |name: &QueryName| {
        name.suffixes().find_map(|wire| names.get(wire).and_then(|(_, [_, below])| *below))
    };
    let types: Vec<String> = types.iter().map(ToString::to_string).collect();
    let mut out = String::from(
        "# Written by `backstop render rpz --format coredns`: do not edit. Not run in our tests.\n\
         . {\n    template ANY ANY {\n        rcode NXDOMAIN\n    }\n}\n",
    );
    for (name, [itself, _]) in names.values() {
        let above = name.suffixes().nth(1).and_then(QueryName::parse).and_then(|n| below(&n));
        let gates = [itself.or(above), below(name)].map(|gate| gate == Some(NameGate::Open));
        let dotted = absolute(name);
        let exact = dotted.replace('.', "\\.");
        // Of names in lower case, as CoreDNS hands them over.
        let shut = match gates {
            [true, true] => None,
            [true, false] => Some(format!("        match \".+\\.{exact}$\"\n")),
            [false, true] => Some(format!("        match \"^{exact}$\"\n")),
            [false, false] => Some(String::new()),
        };
        let _infallible = writeln!(out, "{dotted} {{");
        if gates != [false, false] {
            let types = types.join(" ");
            let _infallible =
                write!(out, "    acl {{\n        allow type {types}\n        filter\n    }}\n");
        }
        if let Some(shut) = shut {
            let through = if shut.is_empty() { "" } else { "        fallthrough\n" };
            let _infallible = write!(
                out,
                "    template ANY ANY {{\n{shut}        rcode NXDOMAIN\n{through}    }}\n"
            );
        }
        if gates != [false, false] {
            let _infallible = writeln!(out, "    forward . {upstream}");
        }
        out.push_str("}\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn each_name_has_a_block_that_opens_it_alone() {
        let rule = |name: &str, part, gate| NameRule {
            name: QueryName::from_text(name).unwrap(),
            part,
            gate,
        };
        let rules = [
            rule("api.example.com", NamePart::Itself, NameGate::Open),
            rule("tiles.example.net", NamePart::Below, NameGate::Open),
            rule("shut.tiles.example.net", NamePart::Below, NameGate::Closed),
        ];
        let text = render(&rules, &[QueryType::A, QueryType::AAAA], "9.9.9.9");
        expect![[r#"
            # Written by `backstop render rpz --format coredns`: do not edit. Not run in our tests.
            . {
                template ANY ANY {
                    rcode NXDOMAIN
                }
            }
            api.example.com. {
                acl {
                    allow type A AAAA
                    filter
                }
                template ANY ANY {
                    match ".+\.api\.example\.com\.$"
                    rcode NXDOMAIN
                    fallthrough
                }
                forward . 9.9.9.9
            }
            shut.tiles.example.net. {
                acl {
                    allow type A AAAA
                    filter
                }
                template ANY ANY {
                    match ".+\.shut\.tiles\.example\.net\.$"
                    rcode NXDOMAIN
                    fallthrough
                }
                forward . 9.9.9.9
            }
            tiles.example.net. {
                acl {
                    allow type A AAAA
                    filter
                }
                template ANY ANY {
                    match "^tiles\.example\.net\.$"
                    rcode NXDOMAIN
                    fallthrough
                }
                forward . 9.9.9.9
            }
        "#]]
        .assert_eq(&text);
    }
}
