//! What stands: folded before a commit answers, and still there after the process is not.

use crate::support::{
    Hand, START, asked, config, event, open, permit, refusal, session, subject, wait,
};
use backstop_ledger::{Ledger, Reader};
use backstop_model::control::{Control, Severity};
use backstop_model::event::{Ending, Fact, Resolution, TokenKind, TokenRecord};
use backstop_model::host::HostName;
use backstop_model::id::{
    AlertId, ByteCount, Digest, GrantId, HoldId, Principal, QuarantineId, SkillId, SkillName,
    SkillVersion, TenantName, TokenId,
};
use backstop_model::standing::{Grant, Quarantined, Subject};
use backstop_model::time::Timestamp;
use std::time::Duration;

fn person() -> Principal {
    Principal::parse("ada@ops").unwrap()
}
fn skill() -> SkillId {
    SkillId {
        name: SkillName::parse("weather").unwrap(),
        version: SkillVersion::parse("1.2.0").unwrap(),
        digest: Digest::of(b"manifest"),
    }
}
fn acting() -> Subject {
    Subject { skill: Some(skill()), ..subject(1) }
}
fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_micros(START).plus(Duration::from_secs(seconds))
}
fn token(number: u8, expires: Option<Timestamp>) -> TokenRecord {
    TokenRecord {
        id: TokenId::draw(at(0), [number; 10]),
        kind: TokenKind::Agent,
        hash: Digest::of(&[number]),
        principal: None,
        bound: Some(acting()),
        expires,
    }
}
fn commit(ledger: &Ledger, who: Option<Subject>, when: Timestamp, fact: Fact) {
    wait(ledger.commit(event(who, when, fact))).unwrap();
}

/// Everything that can stand, in one ledger.
fn live(ledger: &Ledger) {
    let tokens = vec![token(1, Some(at(86_400)))];
    commit(ledger, Some(subject(1)), at(0), Fact::SessionOpened { tokens });
    wait(ledger.commit(permit(1, at(1)))).unwrap();
    wait(ledger.commit(refusal(1, at(2)))).unwrap();
    let control = Control::EgressSkill;
    commit(
        ledger,
        Some(acting()),
        at(3),
        Fact::RefusalsCounted { control, count: 40, since: at(2) },
    );
    commit(
        ledger,
        Some(acting()),
        at(4),
        Fact::FlowEnded {
            permit: permit(1, at(1)).receipt,
            address: None,
            sent: ByteCount(10),
            received: ByteCount(2_000),
            lasted: Duration::from_secs(1),
            ending: Ending::Closed,
        },
    );
    let grant = Grant {
        id: GrantId::draw(at(5), [1; 10]),
        tenant: TenantName::parse("research").unwrap(),
        skill: skill().name,
        host: HostName::parse("api.weather.example").unwrap(),
        port: 443,
        until: at(14_400),
    };
    commit(ledger, None, at(5), Fact::GrantIssued { grant, by: person(), reason: "now".into() });
    let hold = HoldId::draw(at(6), [1; 10]);
    let asked = Digest::of(b"what was asked");
    let placed =
        Fact::HoldPlaced { hold: hold.clone(), asked, summary: "post".into(), until: at(906) };
    commit(ledger, Some(acting()), at(6), placed);
    let resolved = Fact::HoldResolved {
        hold,
        resolution: Resolution::Approved,
        by: Some(person()),
        until: Some(at(3_600)),
    };
    commit(ledger, Some(acting()), at(7), resolved);
    let alert = |count| Fact::AlertRaised {
        id: AlertId::draw(at(8), [1; 10]),
        control,
        severity: Severity::High,
        summary: format!("{count} refusals"),
        cause: None,
        count,
    };
    commit(ledger, Some(acting()), at(8), alert(1));
    commit(ledger, Some(acting()), at(9), alert(41));
    let imposed = Fact::QuarantineImposed {
        id: QuarantineId::draw(at(10), [1; 10]),
        target: Quarantined::Skill {
            tenant: TenantName::parse("research").unwrap(),
            skill: skill(),
        },
        by: None,
        reason: "undeclared egress".into(),
    };
    commit(ledger, None, at(10), imposed);
}

fn check(ledger: &Ledger) {
    let views = ledger.views();
    let now = at(60);
    let seen = views.session(&session(1)).unwrap();
    assert_eq!((seen.calls, seen.refused), (1, 41));
    assert_eq!((seen.sent, seen.received), (ByteCount(10), ByteCount(2_000)));
    assert_eq!((seen.opened, seen.closed, seen.expires), (at(0), None, Some(at(86_400))));
    assert_eq!(seen.tokens.len(), 1);
    assert_eq!(views.sessions(), [seen]);
    let usage = views.usage(&session(1), now);
    assert_eq!((usage.calls, usage.received), (1, ByteCount(2_000)));
    assert_eq!(views.usage(&session(1), at(7_300)).calls, 0);

    let found = views.token(&Digest::of(&[1])).unwrap();
    assert_eq!((found.kind, found.bound.as_ref()), (TokenKind::Agent, Some(&acting())));
    assert!(found.is_live(now) && !found.is_live(at(86_400)));
    assert_eq!(views.token(&Digest::of(&[2])), None);

    let standing = views.standing(&acting(), now);
    assert!(standing.quarantine.is_some());
    assert_eq!(standing.grants.len(), 1);
    assert!(views.standing(&acting(), at(14_400)).grants.is_empty());
    // Another version of the skill, or nobody, is not bound.
    let other = SkillId { digest: Digest::of(b"other"), ..skill() };
    let other = Subject { skill: Some(other), ..subject(1) };
    assert_eq!(views.standing(&other, now).quarantine, None);
    assert_eq!(views.standing(&subject(1), now).quarantine, None);

    let asked = Digest::of(b"what was asked");
    assert!(views.approval(&session(1), &asked, now).is_some());
    assert_eq!(views.approval(&session(1), &asked, at(3_600)), None);
    assert_eq!(views.approval(&session(2), &asked, now), None);
    assert_eq!(views.approval(&session(1), &Digest::ZERO, now), None);

    let alerts = views.alerts();
    assert_eq!(alerts.len(), 1);
    assert_eq!((alerts[0].count, alerts[0].raised, alerts[0].latest), (41, at(8), at(9)));
    assert_eq!((views.holds().len(), views.grants().len()), (1, 1));
}

#[test]
fn it_stands_before_the_commit_answers_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    live(&ledger);
    check(&ledger);
    // Closed in order: from the table. Copied while open, as a kill would leave it: by replay.
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    wait(ledger.close());
    drop(ledger);
    check(&open(dir.path()));
    check(&open(copy.path()));
}

#[test]
fn changes_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let mut changes = ledger.views().changes();
    wait(ledger.commit(permit(1, at(0)))).unwrap();
    assert!(!changes.has_changed().unwrap());
    commit(&ledger, Some(subject(1)), at(0), Fact::SessionOpened { tokens: vec![token(1, None)] });
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    commit(&ledger, Some(subject(1)), at(1), Fact::SessionClosed);
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    let token = ledger.views().token(&Digest::of(&[1])).unwrap();
    assert_eq!(token.revoked, Some(at(1)));
    let id = QuarantineId::draw(at(2), [1; 10]);
    let imposed = Fact::QuarantineImposed {
        id: id.clone(),
        target: Quarantined::Session(session(1)),
        by: None,
        reason: String::new(),
    };
    commit(&ledger, None, at(2), imposed);
    assert!(changes.has_changed().unwrap());
    assert!(ledger.views().standing(&subject(1), at(2)).quarantine.is_some());
    changes.mark_unchanged();
    commit(
        &ledger,
        None,
        at(3),
        Fact::QuarantineReleased { id, by: person(), reason: "fp".into() },
    );
    assert!(changes.has_changed().unwrap());
    assert_eq!(ledger.views().standing(&subject(1), at(3)).quarantine, None);
    assert!(ledger.views().quarantines()[0].released.is_some());
}

#[test]
fn name_look_ups_and_tightened_permits_are_not_calls() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    commit(&ledger, Some(subject(1)), at(0), Fact::SessionOpened { tokens: Vec::new() });
    let first = permit(1, at(1));
    let mut refined = permit(1, at(1));
    let mut lookup = permit(1, at(1));
    if let Fact::AttemptPermitted { refines, .. } = &mut refined.fact {
        *refines = Some(first.receipt.clone());
    }
    if let Fact::AttemptPermitted { asked: was, .. } = &mut lookup.fact {
        was.plane = backstop_model::attempt::Plane::Dns;
        assert_ne!(*was, asked());
    }
    for event in [first, refined, lookup] {
        wait(ledger.commit(event)).unwrap();
    }
    assert_eq!(ledger.views().usage(&session(1), at(2)).calls, 1);
}

#[test]
fn an_ended_session_leaves_memory_and_is_still_found() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Hand::new();
    let ledger = Ledger::open(config(dir.path()), clock.as_fn()).unwrap();
    commit(&ledger, Some(subject(1)), at(0), Fact::SessionOpened { tokens: vec![token(1, None)] });
    commit(&ledger, Some(subject(2)), at(0), Fact::SessionOpened { tokens: Vec::new() });
    commit(&ledger, Some(subject(1)), at(1), Fact::SessionClosed);
    wait(ledger.close());
    drop(ledger);
    clock.advance(Duration::from_secs(7_200));
    let ledger = Ledger::open(config(dir.path()), clock.as_fn()).unwrap();
    assert_eq!(ledger.views().sessions().len(), 1);
    assert_eq!(ledger.views().token(&Digest::of(&[1])), None);
    let found = ledger.views().session(&session(1)).unwrap();
    assert_eq!((found.closed, found.tokens.len()), (Some(at(1)), 1));
    assert_eq!(ledger.views().session(&session(3)), None);
    assert!(Reader::open(dir.path()).unwrap().last(&backstop_ledger::Filter::default()).is_ok());
}
