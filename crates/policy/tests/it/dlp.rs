//! What a destination may receive: recipients, bound credentials, levels, and their properties.

use crate::desk::*;
use backstop_model::attempt::Inspection;
use backstop_model::control::Control;
use backstop_model::finding::{Acts, Evidence, Finding, Look, Part, PerMille};
use backstop_model::id::LevelName;
use backstop_model::standing::{Standing, Usage};
use backstop_model::verdict::{Ruling, Verdict};
use backstop_policy::{
    CredentialSource, Library, LoadContext, NamesModel, OverCap, Policy, decide,
};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;

const SEND: &str = "POST http://a.example.com/";

/// One plain-HTTP row of `a.example.com` with these terms, and another host without any.
fn row(terms: &str) -> String {
    pair(
        &[
            &format!("{{ host: a.example.com, protocol: HTTP{terms} }}"),
            "{ host: b.example.com, protocol: HTTP }",
        ],
        &["{ host: a.example.com, protocol: HTTP }", "{ host: b.example.com, protocol: HTTP }"],
    )
}

fn check(policy: &Policy, words: &str, findings: Vec<Finding>, expected: Expect) {
    let shown = show(&ask_about(policy, words, findings));
    let dlp: Vec<_> = shown.lines().filter(|line| !line.starts_with("egress.")).collect();
    expected.assert_eq(&dlp.join("\n"));
}

fn pii(kind: &str) -> Finding {
    found(Control::DlpPii, kind, None)
}

fn at(mut finding: Finding, part: Part, field: &str) -> Finding {
    finding.record.part = part;
    finding.record.field = field.to_owned();
    finding
}

fn canary(name: &str) -> Finding {
    let mut finding = found(Control::DlpCredential, "CANARY", None);
    finding.record.canary = Some(name.to_owned());
    finding
}

#[test]
fn what_is_found_refuses_unless_the_recipient_may_have_it() {
    let policy = policy(&row(", recipient: { entities: [PERSON, EMAIL_ADDRESS] }"));
    check(&policy, SEND, vec![], expect!["allow"]);
    check(
        &policy,
        SEND,
        vec![pii("PERSON"), pii("EMAIL_ADDRESS")],
        expect![[r#"
            allow
            dlp.pii pass: 2 findings, which this destination may receive"#]],
    );
    check(
        &policy,
        SEND,
        vec![pii("PERSON"), pii("US_SSN")],
        expect![[r#"
            deny
            dlp.pii deny: US_SSN in body `/note`"#]],
    );
    let other = "POST http://b.example.com/";
    check(
        &policy,
        other,
        vec![pii("PERSON")],
        expect![[r#"
            deny
            dlp.pii deny: PERSON in body `/note`"#]],
    );
    let listed = found(Control::DlpCredential, "PERSON", None);
    check(
        &policy,
        SEND,
        vec![listed],
        expect![[r#"
            deny
            dlp.credential deny: PERSON in body `/note`"#]],
    );
}

#[test]
fn a_registered_value_goes_to_the_host_of_its_row_alone() {
    for (term, name) in [
        ("{ env: MODEL_KEY }", "MODEL_KEY"),
        ("{ file: /run/secrets/model }", "file:/run/secrets/model"),
        ("{ canary: model }", "canary:model"),
    ] {
        let policy = policy(&row(&format!(", credential: {term}")));
        assert_eq!(policy.credentials().iter().map(|c| c.canary()).collect::<Vec<_>>(), [name]);
        let ask = |words, name| ask_about(&policy, words, vec![canary(name)]).verdict;
        assert_eq!(ask(SEND, name), Verdict::Allow);
        assert_eq!(ask("POST http://b.example.com/", name), Verdict::Deny);
        assert_eq!(ask(SEND, "OTHER_KEY"), Verdict::Deny);
    }
    let policy = policy(&row(", credential: { env: MODEL_KEY }"));
    let found = found(Control::DlpCredential, "MODEL_KEY", None);
    assert_eq!(
        ask_about(&policy, SEND, vec![found]).verdict,
        Verdict::Deny,
        "a kind is no registered value"
    );
    check(
        &policy,
        "POST http://b.example.com/",
        vec![canary("MODEL_KEY")],
        expect![[r#"
            deny
            dlp.credential deny: CANARY in body `/note` (the registered value `MODEL_KEY`), which is not bound to this host"#]],
    );
}

#[test]
fn encoded_runs_stand_in_declared_fields_of_a_body_alone() {
    let policy = policy(&row(", recipient: { encodedFields: [\"/input/*/image\"] }"));
    let run = || found(Control::DlpEncoded, "BASE64", None);
    let ask = |part, field| ask_about(&policy, SEND, vec![at(run(), part, field)]).verdict;
    assert_eq!(ask(Part::Body, "/input/0/image"), Verdict::Allow);
    assert_eq!(ask(Part::Body, "/input/0/image/url"), Verdict::Deny);
    assert_eq!(ask(Part::Body, ""), Verdict::Deny);
    assert_eq!(ask(Part::Query, "/input/0/image"), Verdict::Deny);
    let ssn = at(pii("US_SSN"), Part::Body, "/input/0/image");
    assert_eq!(ask_about(&policy, SEND, vec![ssn]).verdict, Verdict::Deny, "of encodings only");
}

const SCHEME: &str = "  levels: [public, internal, confidential, restricted]\n  default: internal\n  entities: { PERSON: internal, CITY: confidential }";

/// A tenant with a classification, these ceilings of tenant and skill, and a row for the recipient.
fn ceilings(tenant: &str, skill: &str, recipient: &str) -> String {
    let level = |level: &str| match level {
        "" => String::new(),
        level => format!("  maxClassificationLevel: {level}\n"),
    };
    let recipient = match recipient {
        "" => String::new(),
        level => format!(", maxClassificationLevel: {level}"),
    };
    let tenant = format!(
        "  classification: c\n{}  skills: [{{ name: s, version: 1.0.0 }}]\n  egress:\n  - {{ host: a.example.com, protocol: HTTP, recipient: {{ entities: [PERSON, US_SSN]{recipient} }} }}",
        level(tenant)
    );
    let skill = format!(
        "  name: s\n  version: 1.0.0\n{}  egressRequirements:\n  - {{ host: a.example.com, protocol: HTTP }}",
        level(skill)
    );
    document("Tenant", "t", &tenant)
        + &document("Skill", "s-1.0.0", &skill)
        + &document("Classification", "c", &SCHEME.replace("CITY", "US_SSN: restricted, CITY"))
}

#[test]
fn the_least_ceiling_holds() {
    let ask = |ceilings: &str, session: Option<&str>, kind: &str| {
        let policy = policy(ceilings);
        let mut subject = subject(&policy);
        subject.ceiling = session.map(|level| LevelName::parse(level).unwrap());
        let mut attempt = attempt(SEND);
        attempt.sight = Inspection::Body;
        let evidence = Evidence { findings: vec![pii(kind)], ..Evidence::default() };
        let (standing, usage) = (Standing::default(), Usage::default());
        let decision = decide(&policy, &subject, &standing, &usage, &attempt, &evidence, now());
        decision
            .deciding()
            .map_or_else(|| "allow".to_owned(), |r| format!("{}: {}", r.control, r.text))
    };
    assert_eq!(ask(&ceilings("", "", ""), None, "US_SSN"), "allow");
    assert_eq!(ask(&ceilings("internal", "", ""), None, "PERSON"), "allow");
    for (given, session, whose) in [
        (ceilings("confidential", "", ""), None, "the tenant"),
        (ceilings("restricted", "confidential", ""), None, "the skill"),
        (ceilings("restricted", "", "confidential"), None, "the recipient"),
        (ceilings("restricted", "restricted", "restricted"), Some("confidential"), "the session"),
    ] {
        assert_eq!(
            ask(&given, session, "US_SSN"),
            format!(
                "dlp.classification: US_SSN in body `/note` is `restricted`, and {whose} ends at `confidential`"
            )
        );
    }
    assert!(
        ask(&ceilings("", "secret", ""), None, "PERSON").contains("the skill ends at `secret`")
    );
}

#[test]
fn a_registered_document_needs_a_ceiling_that_lets_it_leave() {
    let verdict = |ceilings: &str, level: &str| {
        let mut finding = found(Control::DlpClassification, "DOCUMENT", Some(level));
        finding.record.canary = Some("document:plan.md".to_owned());
        ask_about(&policy(ceilings), SEND, vec![finding]).verdict
    };
    assert_eq!(verdict(&ceilings("", "", ""), "restricted"), Verdict::Deny);
    assert_eq!(verdict(&ceilings("", "", ""), "public"), Verdict::Allow);
    assert_eq!(verdict(&ceilings("internal", "", ""), "restricted"), Verdict::Deny);
    assert_eq!(verdict(&ceilings("restricted", "", ""), "restricted"), Verdict::Allow);
}

#[test]
fn levels_come_from_the_classification_then_the_detector_then_the_default() {
    let policy = policy(&ceilings("internal", "", ""));
    let ask = |kind: &str, level: Option<&str>| {
        let finding = found(Control::DlpClassification, kind, level);
        ask_about(&policy, SEND, vec![finding]).verdict
    };
    assert_eq!(ask("PERSON", Some("restricted")), Verdict::Allow, "the tenant's word is the last");
    assert_eq!(ask("BANNER", Some("confidential")), Verdict::Deny);
    assert_eq!(ask("BANNER", Some("public")), Verdict::Allow);
    assert_eq!(ask("BANNER", None), Verdict::Allow, "the default is `internal`");
    assert_eq!(ask("BANNER", Some("cosmic")), Verdict::Deny, "an unknown level is the highest");
}

#[test]
fn a_skill_without_a_classification_is_held_to_the_usual_levels() {
    let text = row(", recipient: { entities: [PERSON, US_SSN] }")
        .replace("  name: s\n", "  name: s\n  maxClassificationLevel: internal\n");
    let policy = policy(&text);
    let ask = |level| {
        ask_about(&policy, SEND, vec![found(Control::DlpPii, "PERSON", Some(level))]).verdict
    };
    assert_eq!((ask("internal"), ask("restricted")), (Verdict::Allow, Verdict::Deny));
}

#[test]
fn a_note_refuses_only_by_a_level_that_the_classification_gives_it() {
    let policy = policy(&ceilings("internal", "", ""));
    let ask = |kind: &str| {
        let mut note = found(Control::DlpPii, kind, Some("restricted"));
        note.acts = Acts::Note;
        ask_about(&policy, SEND, vec![note])
    };
    assert_eq!(ask("URL").verdict, Verdict::Allow);
    let city = ask("CITY");
    assert_eq!(city.deciding().map(|r| r.control), Some(Control::DlpClassification));
}

#[test]
fn observing_softens_everything_but_registered_values() {
    let text = row("").replace(
        "  skills: [{ name: s, version: 1.0.0 }]\n  egress:",
        "  rollout: { mode: observe, until: \"2026-12-01\" }\n  skills: [{ name: s, version: 1.0.0 }]\n  egress:",
    );
    let policy = policy(&text);
    let rulings = |finding| {
        let decision = ask_about(&policy, SEND, vec![finding]);
        let dlp = |c: Control| c.as_str().starts_with("dlp.");
        let said = decision.reasons.iter().filter(|r| dlp(r.control) && !r.text.is_empty());
        (decision.verdict, said.map(|r| r.ruling).collect::<Vec<_>>())
    };
    assert_eq!(rulings(pii("US_SSN")), (Verdict::Allow, vec![Ruling::WouldDeny]));
    let key = found(Control::DlpCredential, "AWS_ACCESS_KEY", None);
    assert_eq!(rulings(key), (Verdict::Allow, vec![Ruling::WouldDeny]));
    assert_eq!(rulings(canary("DB_PASSWORD")), (Verdict::Deny, vec![Ruling::Deny]));
}

#[test]
fn what_was_not_seen_whole_is_not_clean() {
    let policy = policy(&row(""));
    let decided = |look| {
        let mut attempt = attempt(SEND);
        attempt.sight = Inspection::Body;
        let evidence = Evidence { look, ..Evidence::default() };
        let (standing, usage) = (Standing::default(), Usage::default());
        let decision =
            decide(&policy, &subject(&policy), &standing, &usage, &attempt, &evidence, now());
        decision.deciding().map(|r| r.control)
    };
    assert_eq!(decided(Look::Whole), None);
    assert_eq!(
        decided(Look::Unreadable("an unknown coding".into())),
        Some(Control::EgressUninspected)
    );
    assert_eq!(decided(Look::OverLimit("more than 1 MiB".into())), Some(Control::Limit));
}

#[test]
fn the_stricter_of_tenant_and_role_says_how_hard_to_look() {
    let text = row("")
        .replace("  egress:\n", "  dlp: { names: \"off\", threshold: 0.6 }\n  egress:\n")
        + &document("Role", "r", "  skills: [s]\n  dlp: { names: gate-only, threshold: 0.85 }");
    let policy = policy(&text);
    let mut subject = subject(&policy);
    let there = attempt(SEND).destination;
    let alone = policy.dlp_terms(&subject, &there);
    subject.role = Some(backstop_model::id::RoleName::parse("r").unwrap());
    let both = policy.dlp_terms(&subject, &there);
    assert_eq!((alone.names, alone.threshold.get()), (backstop_policy::Names::Off, 600));
    assert_eq!((both.names, both.threshold.get()), (backstop_policy::Names::GateOnly, 600));
    let mut weak = pii("US_SSN");
    weak.record.score = PerMille::new(599);
    assert_eq!(ask_about(&policy, SEND, vec![weak.clone()]).verdict, Verdict::Allow);
    weak.record.score = PerMille::new(600);
    assert_eq!(ask_about(&policy, SEND, vec![weak]).verdict, Verdict::Deny);
}

#[test]
fn what_a_classification_names_is_asked_for_and_missed_where_nobody_looked() {
    let named = |policy: &Policy| {
        policy.dlp_terms(&subject(policy), &attempt(SEND).destination).named.join(" ")
    };
    assert_eq!(named(&policy(&row(", recipient: { entities: [URL] }"))), "");
    let policy = policy(&ceilings("internal", "", ""));
    assert_eq!(named(&policy), "CITY PERSON US_SSN");
    // Looked at under a policy that named fewer of them.
    let verdict = |asked: Option<&[&str]>| {
        let mut attempt = attempt(SEND);
        attempt.sight = Inspection::Body;
        let asked = asked.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let evidence = Evidence { asked, ..Evidence::default() };
        let (standing, usage) = <(Standing, Usage)>::default();
        decide(&policy, &subject(&policy), &standing, &usage, &attempt, &evidence, now())
    };
    assert_eq!(verdict(None).verdict, Verdict::Allow);
    assert_eq!(verdict(Some(&["URL", "US_SSN", "PERSON", "CITY"])).verdict, Verdict::Allow);
    let less = verdict(Some(&["US_SSN", "PERSON"]));
    assert_eq!(less.deciding().map(|r| r.control), Some(Control::EgressUninspected));
}

#[test]
fn a_row_may_ask_for_more_and_alone_for_windows() {
    let plain = policy(&row(""));
    let strict = policy(&row(", dlp: { overCap: window, threshold: 0.3 }"));
    let terms = |policy: &Policy| policy.dlp_terms(&subject(policy), &attempt(SEND).destination);
    assert_eq!(terms(&plain).over_cap, OverCap::Refuse);
    assert_eq!((terms(&strict).over_cap, terms(&strict).threshold.get()), (OverCap::Window, 300));
    assert!(!strict.requires_names());
    let decided = |policy: &Policy| {
        let mut attempt = attempt(SEND);
        attempt.sight = Inspection::Windows;
        let (standing, usage, evidence) = <(Standing, Usage, Evidence)>::default();
        decide(policy, &subject(policy), &standing, &usage, &attempt, &evidence, now())
    };
    assert_eq!(decided(&plain).deciding().map(|r| r.control), Some(Control::Limit));
    let weak = decided(&strict);
    assert_eq!(weak.verdict, Verdict::Allow);
    assert!(!weak.duties[0].discharged, "the body is not judged whole");
    assert_ne!(plain.digest(), strict.digest());
}

#[test]
fn every_fault_in_these_keys_is_said() {
    let faults = |text: &str, ctx: &LoadContext| {
        let applied = Library::default().apply(&[source("p.yaml", text)], ctx);
        let shown = applied.diagnostics.iter().filter(|d| d.level > backstop_policy::Level::Note);
        shown.map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let known =
        LoadContext { entities: Arc::new(["PERSON", "US_SSN"].map(str::to_owned).into()), ..ctx() };
    let rows = |terms: &str| {
        document("Tenant", "t", &format!("  egress:\n  - {{ host: a.example.com, {terms} }}"))
    };
    expect![[r#"
        p.yaml:7:13: warning: `a.example.com` has `recipient`, which cannot be read in a tunnel: tunnels to it are denied [policy.uninspected]
          hint: `egress.uninspected` denies until the traffic is inspected
        p.yaml:7:52: error: `PERSN` is an entity that no detector finds [policy.reference]
          hint: did you mean `PERSON`?"#]]
    .assert_eq(&faults(&rows("recipient: { entities: [PERSN] }"), &known));
    expect![[r#"
        p.yaml:7:40: error: `credential` names no value [policy.value]
          hint: write `credential: { env: OPENAI_API_KEY }`"#]]
    .assert_eq(&faults(&rows("credential: {}"), &known));
    expect![[r#"
        p.yaml:7:40: error: `credential` names more than one place [policy.value]
          hint: keep one of them"#]]
    .assert_eq(&faults(&rows("credential: { env: A, file: /b }"), &known));
    expect![[r#"
        p.yaml:7:40: error: `credential` names no value [policy.value]
          hint: write an absolute path"#]]
    .assert_eq(&faults(&rows("credential: { file: b }"), &known));
    expect![[r#"
        p.yaml:7:13: warning: the credential of `a.example.com` travels unencrypted [policy.credential]
          hint: everybody on the way can read it; use `protocol: HTTPS`"#]]
    .assert_eq(&faults(&rows("protocol: HTTP, credential: { env: A }"), &known));
    let wild = rows("credential: { env: A }").replace("a.example.com", "\"*.example.com\"");
    expect![[r#"
        p.yaml:7:13: error: `*.example.com` is many hosts: a credential is bound to exactly one [policy.wildcard]
          hint: give the host that needs it a row of its own"#]]
    .assert_eq(&faults(&wild, &known));
    let dlp = |terms: &str| document("Tenant", "t", &format!("  dlp: {{ {terms} }}"));
    expect![[r#"
        p.yaml:6:17: error: `names: required` needs the model for names, which is not here [policy.cannot_enforce]
          hint: run `backstop models install`, or write `names: gate-only`"#]]
    .assert_eq(&faults(&dlp("names: required"), &known));
    let with_model = LoadContext { names: NamesModel::Installed, ..known.clone() };
    assert_eq!(faults(&dlp("names: required"), &with_model), "");
    assert!(faults(&dlp("overCap: window"), &known).contains("unknown key `overCap`"));
    expect![[r#"
        p.yaml:7:13: warning: what is sent to `a.example.com` and is larger than is held is judged while it leaves [policy.over_cap]
          hint: weaker: when something is found the connection is cut, and what came before it has left"#]]
    .assert_eq(&faults(&rows("protocol: HTTP, dlp: { overCap: window }"), &known));
    expect![[r#"
        p.yaml:7:13: error: `overCap: window` of `a.example.com` can have no effect: a tunnel's payload is not read [policy.cannot_enforce]
          hint: take it out"#]]
    .assert_eq(&faults(&rows("dlp: { overCap: window }"), &known));
    expect![[r#"
        p.yaml:7:58: error: `names: required` needs the model for names, which is not here [policy.cannot_enforce]
          hint: run `backstop models install`, or write `names: gate-only`"#]]
    .assert_eq(&faults(&rows("protocol: HTTP, dlp: { names: required }"), &known));
    for bad in ["0", "0.05", "1.1", "x", "-0.5", "0.5000", ".5"] {
        assert!(
            faults(&dlp(&format!("threshold: \"{bad}\"")), &known).contains("not a score"),
            "{bad}"
        );
    }
    let scheme = document("Classification", "c", "  levels: [a]\n  entities: { US_SNS: a }");
    expect![
        "p.yaml:4:19: warning: `US_SNS` has a level, and no detector finds it [policy.reference]"
    ]
    .assert_eq(&faults(&scheme, &known));
    let _env = CredentialSource::Env("A".to_owned());
}

fn any_finding() -> impl Strategy<Value = Finding> {
    let controls = vec![
        Control::DlpPii,
        Control::DlpCredential,
        Control::DlpClassification,
        Control::DlpEncoded,
        Control::SsrfRebind,
    ];
    let levels = vec![None, Some("public"), Some("restricted"), Some("cosmic")];
    (
        select(controls),
        select(vec!["PERSON", "US_SSN", "CITY", "KEY"]),
        select(levels),
        select(vec![None, Some("MODEL_KEY"), Some("OTHER")]),
        select(vec!["/note", "/image", ""]),
        (0_u16..=1_000, any::<bool>()),
    )
        .prop_map(|(control, kind, level, canary, field, (score, block))| {
            let mut finding = at(found(control, kind, level), Part::Body, field);
            finding.record.canary = canary.map(str::to_owned);
            finding.record.score = PerMille::new(score);
            finding.acts = if block { Acts::Block } else { Acts::Note };
            finding
        })
}

proptest! {
    #[test]
    fn more_findings_never_loosen_whatever_the_recipient(
        some in prop::collection::vec(any_finding(), 0..5),
        more in prop::collection::vec(any_finding(), 0..3),
        observe in any::<bool>(),
        ceiling in select(vec!["", "public", "confidential"]),
    ) {
        let mut text = ceilings(ceiling, "", "").replace(
            "entities: [PERSON, US_SSN]",
            "entities: [PERSON], encodedFields: [/image]",
        ).replace("protocol: HTTP, recipient", "protocol: HTTP, credential: { env: MODEL_KEY }, recipient");
        if observe {
            text = text.replace("  classification: c\n", "  classification: c\n  rollout: { mode: observe, until: \"2026-12-01\" }\n");
        }
        let policy = policy(&text);
        let before = ask_about(&policy, SEND, some.clone());
        let all: Vec<_> = some.into_iter().chain(more).collect();
        let mut turned = all.clone();
        turned.reverse();
        let after = ask_about(&policy, SEND, all);
        prop_assert!(after.verdict >= before.verdict);
        for control in Control::ALL {
            let ruling = |d: &backstop_model::verdict::Decision| d.reasons.iter().filter(|r| r.control == *control).map(|r| r.ruling.verdict()).max();
            prop_assert!(ruling(&after) >= ruling(&before), "{control}");
        }
        prop_assert_eq!(ask_about(&policy, SEND, turned).verdict, after.verdict, "in any order");
    }
}
