//! `backstop render`: zones for resolvers that others run.

use crate::run::{Ran, backstop, policy, project};

fn render(arguments: &[&str]) -> Ran {
    let (_folder, path) = policy(&project("crates/backstop/src/demo/policy.yaml"));
    let mut all = vec!["--policy", &path, "render"];
    all.extend(arguments);
    backstop(&all)
}

#[test]
fn a_zone_holds_what_the_policy_holds_and_its_serial_grows_with_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rpz.zone");
    let file = path.to_str().unwrap();
    let arguments = ["rpz", "--tenant", "research", "--out", file];
    let check: Vec<&str> = arguments.iter().copied().chain(["--check"]).collect();
    assert_eq!(render(&check).code, 1, "nothing there is drift");
    let ran = render(&arguments);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("every type of an allowed name passes"), "{}", ran.err);
    let first = std::fs::read_to_string(&path).unwrap();
    assert!(first.contains("\napi.weather.example CNAME rpz-passthru.\n"), "{first}");
    assert!(first.contains("\n*.tiles.example CNAME rpz-passthru.\n"), "{first}");
    assert!(first.contains("\n*.api.weather.example CNAME .\n"), "{first}");
    assert_eq!(render(&check).code, 0);
    assert_eq!(render(&arguments).code, 0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), first, "to the letter");
    // Somebody opens a name by hand.
    let opened = first.replace("*.example CNAME .", "*.example CNAME rpz-passthru.");
    assert_ne!(opened, first);
    std::fs::write(&path, &opened).unwrap();
    let ran = render(&check);
    assert_eq!((ran.code, ran.out.contains("differs from the policy")), (1, true), "{}", ran.out);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), opened, "a check writes nothing");
    assert_eq!(render(&arguments).code, 0);
    let third = std::fs::read_to_string(&path).unwrap();
    let serial = |text: &str| {
        let line = text.lines().find(|line| line.contains(" SOA ")).unwrap().to_owned();
        line.split(' ').nth(4).unwrap().parse::<u32>().unwrap()
    };
    assert!(serial(&third) > serial(&first));
    let rows = |text: &str| {
        text.lines().filter(|l| l.contains("CNAME")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(rows(&third), rows(&first));
}

#[test]
fn a_skill_has_its_own_zone_and_faults_are_usage() {
    let ran = render(&["rpz", "--tenant", "research", "--skill", "weather"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("Names of skill `weather@"), "{}", ran.out);
    assert!(!ran.out.contains("models.example CNAME rpz-passthru."), "{}", ran.out);
    assert!(!ran.out.contains("*.tiles.example CNAME rpz-passthru."), "{}", ran.out);
    for bad in [
        vec!["rpz"],
        vec!["rpz", "--tenant", "nobody"],
        vec!["rpz", "--tenant", "research", "--skill", "nobody"],
        vec!["rpz", "--tenant", "research", "--origin", "a..b"],
        vec!["rpz", "--tenant", "research", "--check"],
        vec!["coredns", "--tenant", "research", "--upstream", "9.9.9.9\n}"],
    ] {
        assert_eq!(render(&bad).code, 2, "{bad:?}");
    }
}

#[test]
fn resolvers_are_told_what_they_need() {
    for (program, word) in [
        ("bind9", "break-dnssec yes"),
        ("unbound", "respip validator iterator"),
        ("pdns-recursor", "rpzFile("),
        ("knot", "policy.rpz(policy.DENY"),
    ] {
        let ran = render(&["rpz", "--resolver", program]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains(word), "{program}: {}", ran.out);
    }
    let ran = render(&["rpz", "--rest"]);
    assert!(ran.out.contains("$ORIGIN rest.rpz.backstop.") && ran.out.contains("rpz-client-ip"));
    let ran = render(&["coredns", "--tenant", "research", "--upstream", "9.9.9.9"]);
    assert!(ran.out.contains("forward . 9.9.9.9") && ran.code == 0, "{}", ran.err);
}
