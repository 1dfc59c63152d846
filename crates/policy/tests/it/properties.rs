//! What must hold for all policies and attempts, tried on random ones.

use crate::desk::*;
use backstop_model::attempt::Attempt;
use backstop_model::control::Control;
use backstop_model::finding::{Evidence, Finding};
use backstop_model::id::{ByteCount, QuarantineId};
use backstop_model::standing::{Standing, Usage};
use backstop_model::verdict::{Ruling, Verdict};
use backstop_policy::{Library, Policy, decide};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const HOSTS: [&str; 6] = [
    "a.example.com",
    "b.example.com",
    "x.a.example.com",
    "c.example.org",
    "93.184.216.34",
    "evil.example",
];

/// A tenant's row, or a skill's requirement, over a handful of hosts so that they meet.
fn rows(wildcards: bool) -> impl Strategy<Value = Vec<String>> {
    let mut hosts: Vec<&str> = HOSTS.to_vec();
    if wildcards {
        hosts.extend(["*.example.com", "*.a.example.com", "*.example.org"]);
    }
    let most = hosts.len();
    let extras = prop::collection::vec(
        select(vec![
            "",
            ", methods: [GET]",
            ", paths: [/a/**]",
            ", ports: [443, 8443]",
            ", protocol: HTTP",
        ]),
        most,
    );
    (subsequence(hosts, 0..=most), extras).prop_map(|(hosts, extras)| {
        hosts
            .iter()
            .zip(extras)
            .map(|(host, extra)| format!("{{ host: \"{host}\"{extra} }}"))
            .collect()
    })
}

fn words() -> impl Strategy<Value = String> {
    let forms = vec![
        "connect H:443",
        "connect H:8443",
        "hello H:443 H",
        "hello H:443 H ech",
        "hello H:443 evil.example",
        "opaque H:443",
        "GET https://H/a/b",
        "POST https://H/a/b",
        "GET http://H/x",
        "GET https://H/a/%2e%2e/b",
    ];
    (select(forms), select(HOSTS.to_vec())).prop_map(|(form, host)| form.replace('H', host))
}

fn findings() -> impl Strategy<Value = Vec<Finding>> {
    prop::collection::vec(select(Control::ALL), 0..4).prop_map(|controls| {
        controls.into_iter().map(|control| found(control, "k", None)).collect()
    })
}

fn verdict(
    policy: &Policy,
    attempt: &Attempt,
    findings: &[Finding],
    usage: Usage,
    standing: &Standing,
) -> Verdict {
    let evidence = Evidence { findings: findings.to_vec(), ..Evidence::default() };
    decide(policy, &subject(policy), standing, &usage, attempt, &evidence, now()).verdict
}

/// Whether any pattern of the list names the host, by a rule written apart from the real one.
fn names(rows: &[String], host: &str) -> bool {
    rows.iter().any(|row| {
        let pattern = row.split('"').nth(1).unwrap();
        match pattern.strip_prefix("*.") {
            Some(base) => {
                host.strip_suffix(base).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            None => host == pattern,
        }
    })
}

fn plain(tenant: &[String], skill: &[String]) -> String {
    let tenant: Vec<&str> = tenant.iter().map(String::as_str).collect();
    let skill: Vec<&str> = skill.iter().map(String::as_str).collect();
    pair(&tenant, &skill)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn only_what_tenant_and_skill_both_name_is_allowed(tenant in rows(true), skill in rows(false), words in words()) {
        let policy = policy(&plain(&tenant, &skill));
        let attempt = attempt(&words);
        if verdict(&policy, &attempt, &[], Usage::default(), &Standing::default()) == Verdict::Allow {
            let host = attempt.destination.host.to_string();
            prop_assert!(names(&tenant, &host) && names(&skill, &host), "{words}");
        }
    }

    #[test]
    fn more_findings_never_loosen(tenant in rows(true), skill in rows(false), words in words(), some in findings(), more in findings()) {
        let policy = policy(&plain(&tenant, &skill));
        let attempt = attempt(&words);
        let all: Vec<_> = some.iter().chain(&more).cloned().collect();
        let (few, many) = (
            verdict(&policy, &attempt, &some, Usage::default(), &Standing::default()),
            verdict(&policy, &attempt, &all, Usage::default(), &Standing::default()),
        );
        prop_assert!(many >= few);
        // A mark refuses nothing by itself where nobody has a ceiling.
        if all.iter().any(|finding| finding.record.control != Control::DlpClassification) {
            prop_assert_eq!(many, Verdict::Deny);
        }
    }

    #[test]
    fn removing_a_row_never_loosens(tenant in rows(true), skill in rows(false), words in words(), which in any::<prop::sample::Index>(), of_tenant in any::<bool>()) {
        let attempt = attempt(&words);
        let before = verdict(&policy(&plain(&tenant, &skill)), &attempt, &[], Usage::default(), &Standing::default());
        let (mut fewer_tenant, mut fewer_skill) = (tenant, skill);
        let list = if of_tenant { &mut fewer_tenant } else { &mut fewer_skill };
        prop_assume!(!list.is_empty());
        list.remove(which.index(list.len()));
        let after = verdict(&policy(&plain(&fewer_tenant, &fewer_skill)), &attempt, &[], Usage::default(), &Standing::default());
        prop_assert!(after >= before, "{words}");
    }

    #[test]
    fn quarantine_denies_everything(tenant in rows(true), skill in rows(false), words in words()) {
        let standing = Standing { quarantine: Some(QuarantineId::draw(now(), [3; 10])), grants: vec![grant("a.example.com", 443, "2027-01-01T00:00:00Z")] };
        let policy = policy(&plain(&tenant, &skill));
        prop_assert_eq!(verdict(&policy, &attempt(&words), &[], Usage::default(), &standing), Verdict::Deny);
    }

    #[test]
    fn a_decision_is_the_maximum_of_its_reasons(tenant in rows(true), skill in rows(false), words in words(), found in findings(), calls in 0_u64..1_000, received in 0_u64..100_000_000) {
        let policy = policy(&plain(&tenant, &skill));
        let (usage, evidence) = (Usage { calls, received: ByteCount(received) }, Evidence { findings: found, ..Evidence::default() });
        let decision = decide(&policy, &subject(&policy), &Standing::default(), &usage, &attempt(&words), &evidence, now());
        let maximum = decision.reasons.iter().map(|r| r.ruling.verdict()).max();
        prop_assert_eq!(Some(decision.verdict), maximum);
        prop_assert!(decision.reasons.iter().map(|r| r.control).is_sorted());
        prop_assert!(decision.reasons.iter().all(|r| r.ruling == Ruling::Pass || !r.text.is_empty()));
        prop_assert_eq!(decision.deciding().is_some(), decision.verdict != Verdict::Allow);
    }

    #[test]
    fn mutated_texts_never_panic_and_never_widen(cut in 0_usize..900, at in any::<prop::sample::Index>(), junk in "[-\\[\\]{}:,&*!|>'\"#%@`? \\n\\ta-z0-9é\u{0}\u{feff}]{0,6}") {
        let good = plain(&["{ host: a.example.com, idle: 15m, ports: [443] }".to_owned()], &["{ host: a.example.com }".to_owned()]);
        let boundary = |at: usize| (0..=at.min(good.len())).rev().find(|i| good.is_char_boundary(*i)).unwrap();
        let place = boundary(at.index(good.len()));
        let end = boundary((place + cut % 40).min(good.len()));
        let text = format!("{}{junk}{}", &good[..place], &good[end..]);
        let applied = Library::default().apply(&[source("m.yaml", &text)], &ctx());
        for fault in &applied.diagnostics {
            prop_assert!(text.get(fault.offset..fault.offset + fault.length).is_some(), "{fault}");
        }
        prop_assert_eq!(verdict(&applied.policy, &attempt("connect evil.example:443"), &[], Usage::default(), &Standing::default()), Verdict::Deny);
    }

    #[test]
    fn any_text_at_all_is_survived(text in "\\PC{0,200}|[-\\[\\]{}:,&*!|>'\"#%@`? \\n\\r\\ta\\\\xN]{0,120}") {
        let applied = Library::default().apply(&[source("m.yaml", &text)], &ctx());
        for fault in &applied.diagnostics {
            prop_assert!(text.get(fault.offset..fault.offset + fault.length).is_some(), "{fault}");
        }
    }
}

#[test]
fn hostile_shapes_are_read_in_little_time() {
    let long = |piece: &str| piece.repeat((1 << 17) / piece.len());
    for piece in [
        "[",
        "{",
        "- ",
        "? ",
        "a: ",
        "[a, ",
        "{a: ",
        "\"",
        "'",
        "a",
        " ",
        "\n",
        "#\n",
        "---\n",
        "&a ",
        "*a ",
        "!t ",
        "|\n ",
        "a: b\n",
        "- a\n",
        "%YAML 1.2\n",
        "a:\n ",
        "\u{feff}",
        ",",
        "&a [*a, ",
        "é: ",
        "\r",
        "\t",
        "[?",
        ": ",
    ] {
        let started = std::time::Instant::now();
        let applied = apply(&long(piece));
        assert_eq!(applied.policy.tenants().count(), 0);
        let took = started.elapsed();
        assert!(took.as_secs() < 20, "{piece:?} took {took:?}");
    }
}
