//! `backstop dns explain`: which row decides about a name, without asking anybody.

use crate::run::{Ran, backstop, policy, project};

fn explain(arguments: &[&str]) -> Ran {
    let (_folder, path) = policy(&project("crates/backstop/src/demo/policy.yaml"));
    let mut all = vec!["--policy", &path, "--format", "json", "dns", "explain"];
    all.extend(arguments);
    backstop(&all)
}

#[test]
fn a_name_is_explained_by_its_row() {
    for (arguments, code, answer, row) in [
        (vec!["api.weather.example", "--as", "weather"], 0, "asked upstream", "exact"),
        (vec!["evil.example", "--as", "weather@1.2.0"], 1, "NXDOMAIN", "none"),
        (vec!["models.example", "--as", "weather"], 1, "NXDOMAIN", "none"),
        (vec!["x.tiles.example", "--as", "weather"], 1, "NXDOMAIN", "none"),
        (vec!["x.tiles.example"], 0, "asked upstream", "*.tiles.example"),
        (
            vec!["api.weather.example", "--as", "weather", "--type", "TXT"],
            1,
            "empty answer (NODATA)",
            "exact",
        ),
    ] {
        let mut all = arguments.clone();
        all.extend(["--tenant", "research"]);
        let ran = explain(&all);
        let answers = ran.json();
        assert_eq!(ran.code, code, "{arguments:?} {} {}", ran.out, ran.err);
        assert_eq!(answers[0]["answer"], answer, "{arguments:?}");
        assert_eq!(answers[0]["row"], row, "{arguments:?}");
        let verdict = if code == 0 { "allow" } else { "deny" };
        assert_eq!(answers[0]["verdict"], verdict, "{arguments:?}");
        assert_eq!(answers[0]["policy"]["verdict"], verdict, "no zone here: {arguments:?}");
        // Budgets count under wildcard rows alone.
        let block = answers[0]["budgets"].get("block").cloned();
        assert_eq!(block, (row.starts_with('*') && code == 0).then(|| 4_096.into()), "{}", ran.out);
        assert!(answers[0]["controls"].as_array().is_some_and(|all| !all.is_empty()));
    }
}

#[test]
fn without_a_tenant_each_one_answers_and_nonsense_is_a_usage_fault() {
    let ran = explain(&["bank.finance.example", "--as", "payroll"]);
    assert_eq!((ran.code, ran.json().as_array().map(Vec::len)), (0, Some(2)), "{}", ran.out);
    for bad in [
        vec!["..", "--as", "weather"],
        vec!["a.example", "--as", "nobody"],
        vec!["a.example", "--type", "BOGUS"],
        vec!["a.example", "--tenant", "No Tenant"],
    ] {
        assert_eq!(explain(&bad).code, 2, "{bad:?}");
    }
}

#[test]
fn a_resolver_without_clients_or_upstreams_does_not_start() {
    let (folder, path) = policy(&project("crates/backstop/src/demo/policy.yaml"));
    let state = folder.path().join("state");
    let state = state.to_str().unwrap();
    for (set, said) in [
        (vec!["dns.upstreams=127.0.0.1:9"], "`dns.clients` is not"),
        (vec!["dns.clients=127.0.0.1=research/weather@1.2.0"], "`dns.upstreams` is not"),
        (
            vec!["dns.clients=127.0.0.1=nobody/weather@1.2.0", "dns.upstreams=127.0.0.1:9"],
            "no Tenant document is called `nobody`",
        ),
    ] {
        let mut all = vec!["--policy", &path, "--state", state];
        all.extend(["--set", "proxy.listen=none", "--set", "api.listen=127.0.0.1:0"]);
        all.extend(["--set", "dns.listen=127.0.0.1:0"]);
        for one in &set {
            all.extend(["--set", one]);
        }
        all.push("serve");
        let ran = backstop(&all);
        assert_eq!(ran.code, 3, "{} {}", ran.out, ran.err);
        assert!(ran.err.contains(said), "{}", ran.err);
    }
}
