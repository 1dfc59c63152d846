//! Who may do what: tokens of three kinds, each within its bounds.

use crate::house::*;
use backstop_gate::{
    Actor, BootstrapFault, ControlFault, Credential, OsRandom, SessionRequest, TokenRequest,
    bootstrap_operator,
};
use backstop_model::attempt::Plane;
use backstop_model::control::Control;
use backstop_model::event::{Fact, TokenKind};
use backstop_model::id::{LevelName, Principal, RoleName, SessionId, TenantName};
use backstop_model::redacted::Redacted;
use backstop_model::standing::Subject;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

fn request(tenant: &str) -> SessionRequest {
    SessionRequest { tenant: TenantName::parse(tenant).unwrap(), ..crate::house::request() }
}

#[tokio::test]
async fn a_token_signs_in_its_own_session_alone() {
    let house = House::new().await;
    let (one, two) = (house.opened().await, house.opened().await);
    let sign_in = |credential: &Credential| house.gate.sign_in(Plane::Proxy, credential);
    let session = sign_in(&credential(&one)).unwrap();
    assert_eq!((session.id(), session.subject().session.as_ref()), (&one.id, Some(&one.id)));
    let bearer = Credential { session: None, token: one.tokens[0].1.clone() };
    assert_eq!(sign_in(&bearer).unwrap(), session);
    let crossed = Credential { session: Some(two.id.clone()), token: one.tokens[0].1.clone() };
    is_refused_by(&sign_in(&crossed).unwrap_err(), Control::Identity);
    let text = std::fs::read_to_string(house.dir.join("operator.token")).unwrap();
    for token in ["", "bst_a_", &format!("bst_a_{}", "A".repeat(43)), text.trim()] {
        let token = Redacted::new("bearer token", token.to_owned());
        is_refused_by(
            &sign_in(&Credential { session: None, token }).unwrap_err(),
            Control::Identity,
        );
    }
    house.clock.advance(Duration::from_secs(24 * 3_600));
    is_refused_by(&sign_in(&bearer).unwrap_err(), Control::Identity);
    house.stop().await;
}

#[tokio::test]
async fn a_listener_acts_as_the_only_skill_or_as_none() {
    let house = House::new().await;
    let opened = house.opened().await;
    let bound = house.gate.session_of(Plane::Proxy, &opened.id, None).unwrap();
    assert!(bound.subject().skill.is_some());
    drop(house.permit(&bound, "api.weather.example:443").await);
    assert!(house.gate.session_of(Plane::Proxy, &opened.id, Some(&weather())).is_ok());
    let other = (weather().0, backstop_model::id::SkillVersion::parse("9.9.9").unwrap());
    assert!(house.gate.session_of(Plane::Proxy, &opened.id, Some(&other)).is_err());
    house.gate.control().close_session(&house.operator, &opened.id).await.unwrap();
    assert!(house.gate.session_of(Plane::Proxy, &opened.id, None).is_err());
    is_refused_by(&house.refusal(&bound, "api.weather.example:443").await, Control::Identity);
    house.stop().await;
}

#[tokio::test]
async fn a_runtime_stays_within_its_bounds() {
    let house = House::new().await;
    let control = house.gate.control();
    let bound = |tenant: &str| Subject {
        session: None,
        tenant: TenantName::parse(tenant).unwrap(),
        role: None,
        skill: None,
        ceiling: None,
    };
    let wanted = |kind, bound| TokenRequest {
        kind,
        principal: Principal::parse("runner").unwrap(),
        bound,
        lives: Some(Duration::from_secs(3_600)),
    };
    let issued = control
        .issue_token(&house.operator, wanted(TokenKind::Runtime, Some(bound("research"))))
        .await
        .unwrap();
    for (kind, bound) in [
        (TokenKind::Agent, None),
        (TokenKind::Runtime, None),
        (TokenKind::Runtime, Some(bound("nowhere"))),
        (TokenKind::Operator, Some(bound("research"))),
    ] {
        let answer = control.issue_token(&house.operator, wanted(kind, bound)).await;
        assert!(matches!(answer, Err(ControlFault::Invalid(_))), "{answer:?}");
    }
    let runtime = house.gate.authenticate(&issued.token).unwrap();
    assert!(matches!(runtime, Actor::Runtime { .. }));
    let opened = control.open_session(&runtime, request("research")).await.unwrap();
    assert!(opened.tokens[0].1.expose().starts_with("bst_a_"));
    assert!(matches!(
        control.open_session(&runtime, request("finance")).await,
        Err(ControlFault::Forbidden(_))
    ));
    let denied = control.issue_token(&runtime, wanted(TokenKind::Operator, None)).await;
    assert!(matches!(denied, Err(ControlFault::Forbidden(_))));
    let agent = house.gate.authenticate(&opened.tokens[0].1).unwrap();
    assert!(matches!(
        control.open_session(&agent, request("research")).await,
        Err(ControlFault::Forbidden(_))
    ));
    control.close_session(&runtime, &opened.id).await.unwrap();
    assert!(house.gate.authenticate(&opened.tokens[0].1).is_err());
    control.revoke_token(&house.operator, &issued.id).await.unwrap();
    is_refused_by(&house.gate.authenticate(&issued.token).unwrap_err(), Control::Identity);
    house.stop().await;
}

#[tokio::test]
async fn a_runtime_may_go_below_its_ceiling_and_never_above() {
    let house = House::new().await;
    let level = |name: &str| Some(LevelName::parse(name).unwrap());
    let scheme = "---
apiVersion: backstop.dev/v1alpha1
kind: Classification
metadata: { name: corporate }
spec: { levels: [public, internal, confidential, restricted], default: internal }
";
    let tenant =
        POLICY.replace("spec:\n  skills:", "spec:\n  classification: corporate\n  skills:");
    house.put_policy(&format!("{tenant}{scheme}"));
    let control = house.gate.control();
    let runtime = async |ceiling: &str| {
        let bound = Subject {
            session: None,
            tenant: TenantName::parse("research").unwrap(),
            role: None,
            skill: None,
            ceiling: level(ceiling),
        };
        let wanted = TokenRequest {
            kind: TokenKind::Runtime,
            principal: Principal::parse("runner").unwrap(),
            bound: Some(bound),
            lives: None,
        };
        let issued = control.issue_token(&house.operator, wanted).await.unwrap();
        house.gate.authenticate(&issued.token).unwrap()
    };
    let open = async |by: &Actor, ceiling: Option<LevelName>| {
        control.open_session(by, SessionRequest { ceiling, ..request("research") }).await
    };
    let ceiling = |id: &SessionId| house.ledger.views().session(id).unwrap().subject.ceiling;
    let (high, low) = (runtime("confidential").await, runtime("internal").await);
    for (asked, given) in [
        (None, "confidential"),
        (level("confidential"), "confidential"),
        (level("public"), "public"),
    ] {
        let opened = open(&high, asked).await.unwrap();
        assert_eq!(ceiling(&opened.id), level(given));
        control.close_session(&high, &opened.id).await.unwrap();
    }
    for asked in ["restricted", "unknown"] {
        let answer = open(&high, level(asked)).await;
        assert!(matches!(answer, Err(ControlFault::Forbidden(_))), "{asked}: {answer:?}");
    }
    // A runtime closes what lies within its bounds, and knows of nothing else.
    let above = open(&high, None).await.unwrap().id;
    let boundless = open(&house.operator, None).await.unwrap().id;
    for (by, id) in [(&low, &above), (&high, &boundless)] {
        let answer = control.close_session(by, id).await;
        assert!(matches!(answer, Err(ControlFault::Unknown(_))), "{answer:?}");
    }
    let below = open(&low, None).await.unwrap().id;
    control.close_session(&high, &below).await.unwrap();
    house.stop().await;
}

#[tokio::test]
async fn what_the_policy_does_not_admit_is_not_opened() {
    let house = House::new().await;
    let control = house.gate.control();
    let mut wanted = request("research");
    wanted.role = Some(RoleName::parse("nobody").unwrap());
    for wanted in [
        request("nowhere"),
        wanted,
        SessionRequest { skills: vec![], ..request("research") },
        SessionRequest { skills: vec![weather(), weather()], ..request("research") },
        SessionRequest { lives: Some(Duration::ZERO), ..request("research") },
        SessionRequest { lives: Some(Duration::MAX), ..request("research") },
    ] {
        let answer = control.open_session(&house.operator, wanted.clone()).await;
        assert!(matches!(answer, Err(ControlFault::Invalid(_))), "{wanted:?}: {answer:?}");
    }
    house.stop().await;
}

#[tokio::test]
async fn tokens_are_stored_hashed_and_shown_once() {
    let house = House::new().await;
    let opened = house.opened().await;
    let secret = opened.tokens[0].1.expose().clone();
    for row in house.events().await {
        let shown = format!("{:?}", row.event);
        assert!(!shown.contains(&secret[6..]), "{shown}");
        if let Fact::SessionOpened { tokens } = row.event.fact {
            assert_eq!(tokens.len(), 1);
        }
    }
    assert!(!format!("{opened:?}").contains(&secret[6..]));
    house.stop().await;
}

#[tokio::test]
async fn the_first_operator_token_lies_in_a_file_of_its_own() {
    let house = House::new().await;
    let path = house.dir.join("operator.token");
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    let again = || bootstrap_operator(&path, &house.ledger, &*house.clock, &OsRandom);
    let id = again().await.unwrap();
    assert_eq!(again().await.unwrap(), id, "a second start keeps the token");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(again().await, Err(BootstrapFault::Loose { mode: 0o640, .. })));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&path, format!("bst_o_{}\n", "A".repeat(43))).unwrap();
    assert!(matches!(again().await, Err(BootstrapFault::Foreign { .. })));
    let left: Vec<_> =
        std::fs::read_dir(&house.dir).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    house.stop().await;
}
