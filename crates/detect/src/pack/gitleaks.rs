//! Rules in the format of gitleaks (`https://github.com/gitleaks/gitleaks`), version 8.
//!
//! A rule that asks for what a text does not have (a path, a commit) is not quietly dropped: it
//! is a note, which the caller shows. What would silently weaken the rules is refused.
//! Next: `dialect`.

use super::detector::{Detector, Family, Group, Guard, Origin, Pattern};
use super::fault::{Faults, PackFault};
use super::fields::{self, Fields};
use super::tree::Node;
use super::{dialect, regex, toml};
use crate::score::Score;
use std::sync::Arc;

/// How sure a rule of others is; as in gitleaks, every match counts.
const SCORE: Score = Score::new(0.85);

/// What allow-lists drop.
#[derive(Debug, Default, Clone)]
struct Allowed {
    regexes: Vec<String>,
    stopwords: Vec<String>,
}

/// Reads rules; beside them, notes on what cannot be honoured.
pub(crate) fn read(source: &str, text: &str) -> Result<(Vec<Detector>, PackFault), PackFault> {
    let (mut faults, mut notes) = (Faults::default(), Faults::default());
    let mut detectors = Vec::new();
    if let Some(root) = toml::parse(text, &mut faults)
        && let Some(mut file) = Fields::of(&root, "the file", &mut faults)
    {
        for known in ["title", "description", "minVersion"] {
            file.take(known);
        }
        if let Some(extend) = file.take("extend") {
            let message = "`extend` names rules that are not in this file: write them into it";
            faults.add(extend.line, message);
        }
        let mut everywhere = Allowed::default();
        for list in allow_lists(&mut file, &mut faults) {
            allowed(list, &mut everywhere, &mut faults, &mut notes);
        }
        for node in file.items("rules", &mut faults) {
            detectors.extend(rule(node, source, &everywhere, &mut faults, &mut notes));
        }
        file.finish(&mut faults);
    }
    let notes = notes.into_notes(source);
    faults.finish(source, (detectors, notes))
}

fn rule(
    node: &Node,
    source: &str,
    everywhere: &Allowed,
    faults: &mut Faults,
    notes: &mut Faults,
) -> Option<Detector> {
    let mut fields = Fields::of(node, "a rule", faults)?;
    let line = fields.line;
    let id = fields.required("id", faults)?;
    for known in ["description", "tags"] {
        fields.take(known);
    }
    let path = fields.take("path").is_some();
    let pattern = fields.text("regex", faults);
    let keywords = fields.texts("keywords", faults);
    let entropy = fields.number("entropy", faults);
    let group = fields.number("secretGroup", faults);
    let mut kept = everywhere.clone();
    for list in allow_lists(&mut fields, faults) {
        allowed(list, &mut kept, faults, notes);
    }
    if fields.take("required").is_some() {
        notes.add(line, format!("`{id}`: `required` rules are not asked, the rule stands alone"));
    }
    let silent = fields.flag("skipReport", faults).unwrap_or(false);
    fields.finish(faults);
    if silent {
        notes.add(line, format!("`{id}` only helps other rules (`skipReport`) and is left out"));
        return None;
    }
    let Some(pattern) = pattern else {
        let why = if path { "looks at paths alone" } else { "has no `regex`" };
        notes.add(line, format!("`{id}` {why} and is left out"));
        return None;
    };
    if path {
        notes.add(line, format!("`{id}` applies to every text, not only to its `path`"));
    }
    let pattern = Pattern {
        name: id.to_owned(),
        regex: translated(pattern, id, line, faults)?,
        group: match group {
            Some(number) if number >= 1.0 => Group::Number(number as usize),
            Some(_) | None => Group::First,
        },
        score: SCORE,
        guard: Guard::None,
        line,
    };
    let origin = Origin { source: Arc::from(source), line, is_imported: true };
    let entity = id.to_uppercase().replace('-', "_");
    Some(Detector {
        family: Family::Credential,
        level: Some(Arc::from("restricted")),
        keywords: keywords.iter().map(|word| word.to_lowercase()).collect(),
        entropy,
        stopwords: kept.stopwords,
        allow: kept.regexes,
        ..Detector::of(&format!("gitleaks/{id}"), &entity, vec![pattern], origin)
    })
}

fn translated(pattern: &str, id: &str, line: usize, faults: &mut Faults) -> Option<String> {
    match dialect::from_go(pattern).and_then(|ours| regex::check(&ours).map(|()| ours)) {
        Ok(ours) => Some(ours),
        Err(reason) => {
            faults.add(line, format!("the pattern of `{id}` is not valid: {reason}"));
            None
        }
    }
}

/// `allowlist` (one) and `allowlists` (several).
fn allow_lists<'n>(fields: &mut Fields<'n>, faults: &mut Faults) -> Vec<&'n Node> {
    let one = fields.take("allowlist");
    one.into_iter().chain(fields.items("allowlists", faults)).collect()
}

/// Adds what an allow-list drops, where a text alone can tell.
fn allowed(node: &Node, kept: &mut Allowed, faults: &mut Faults, notes: &mut Faults) {
    let Some(mut fields) = Fields::of(node, "an allow-list", faults) else { return };
    let line = fields.line;
    fields.take("description");
    let targets = fields.take("targetRules").is_some();
    let target = fields.text("regexTarget", faults).unwrap_or("secret").to_owned();
    let all = fields.text("condition", faults).is_some_and(|c| c.eq_ignore_ascii_case("and"));
    let elsewhere = [fields.take("paths"), fields.take("commits")].iter().any(Option::is_some);
    let mut regexes = Vec::new();
    if let Some(list) = fields.take("regexes") {
        for pattern in fields::texts(list, "regexes", faults) {
            regexes.extend(translated(&pattern, "allowlist", list.line, faults));
        }
    }
    let stopwords = fields.texts("stopwords", faults);
    fields.finish(faults);
    if elsewhere {
        notes.add(line, "an allow-list's `paths` and `commits` allow nothing: a text has neither");
    }
    let several = all && (elsewhere || (!regexes.is_empty() && !stopwords.is_empty()));
    if several || targets {
        notes.add(line, "an allow-list of joint conditions or for single rules allows nothing");
        return;
    }
    if !regexes.is_empty() && target != "secret" {
        notes
            .add(line, format!("an allow-list for the `{target}` allows nothing by its `regexes`"));
        regexes.clear();
    }
    kept.regexes.extend(regexes);
    kept.stopwords.extend(stopwords.iter().map(|word| word.to_lowercase()));
}

#[cfg(test)]
mod tests {
    use crate::{Builder, ScanOptions, Scratch};
    use expect_test::{Expect, expect};

    const RULES: &str = r#"
title = "ours"
[allowlist]
paths = ['''vendor/''']
stopwords = ["placeholder"]
[[rules]]
id = "acme-token"
description = "Acme"
regex = '''(?i)[\w.-]{0,50}?(?:acme)(?:[ \t\w.-]{0,20})[\s'"]{0,3}(?:=|:)[\x60'"\s=]{0,5}([a-z0-9]{20})(?:[\x60'"\s;]|$)'''
entropy = 3
keywords = ["acme"]
[[rules.allowlists]]
regexes = ['''^example''']
[[rules]]
id = "acme-key"
regex = '''\b(ak)_([0-9]{4})\b'''
secretGroup = 2
[[rules]]
id = "p12"
path = '''\.p12$'''
"#;

    fn found(text: &str) -> Vec<(String, String)> {
        let detectors = Builder::empty().gitleaks("rules.toml", RULES).unwrap().build().unwrap();
        let hits = detectors.scan(text, &ScanOptions::default(), &mut Scratch::default());
        hits.iter()
            .map(|hit| (hit.entity.to_string(), text.get(hit.span.clone()).unwrap().to_owned()))
            .collect()
    }

    #[test]
    fn rules_find_their_secret_alone() {
        let value = "k3j9x0q8w7e6r5t4y2u1";
        let token = || [("ACME_TOKEN".to_owned(), value.to_owned())];
        assert_eq!(found(&format!("ACME_SECRET = \"{value}\"")), token());
        assert_eq!(found(&format!("my.acme-key: {value}\n")), token());
        assert_eq!(found("ak_1234"), [("ACME_KEY".to_owned(), "1234".to_owned())]);
        for other in [
            "acme = aaaaaaaaaaaaaaaaaaaa",
            "acme = exampleq8w7e6r5t4y2u",
            "acme = placeholder7e6r5t4y2",
            "other = k3j9x0q8w7e6r5t4y2u1",
            "xak_1234",
        ] {
            assert!(found(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn what_cannot_be_honoured_is_said() {
        let builder = Builder::empty().gitleaks("rules.toml", RULES).unwrap();
        let notes: Vec<String> = builder.notes().iter().map(ToString::to_string).collect();
        expect![[r#"
            rules.toml:3: an allow-list's `paths` and `commits` allow nothing: a text has neither
            rules.toml:18: `p12` looks at paths alone and is left out"#]]
        .assert_eq(&notes.join("\n"));
    }

    fn refused(rules: &str, expected: Expect) {
        expected.assert_eq(&Builder::empty().gitleaks("r.toml", rules).unwrap_err().to_string());
    }

    #[test]
    fn what_would_weaken_is_refused() {
        refused(
            "[extend]\nuseDefault = true\n",
            expect!["r.toml:1: `extend` names rules that are not in this file: write them into it"],
        );
        refused(
            "[[rules]]\nid = \"a\"\nregex = '(?=x)'\nspeed = 3\n",
            expect![[r#"
                r.toml:1: the pattern of `a` is not valid: look-around, including look-ahead and look-behind, is not supported
                r.toml:4: unknown key `speed`"#]],
        );
        refused("x = 3\ny", expect!["r.toml:2: not valid TOML: key with no value, expected `=`"]);
    }
}
