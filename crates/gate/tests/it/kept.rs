//! Rows that somebody keeps at hand answer no more than a look into the table does.

use crate::house::{House, POLICY, without_api};
use crate::naming::{ask, client, name, permit, refusal, who};
use backstop_gate::names::{KeptRow, NameAnswer, NameClient, Question};
use backstop_model::control::Control;
use backstop_model::event::Fact;
use backstop_model::name::{CLASS_IN, QueryType};
use backstop_model::standing::Quarantined;
use std::time::Duration;

const NAME: &str = "api.weather.example";

async fn kept(house: &House, client: &NameClient) -> KeptRow {
    permit(ask(house, client, NAME).await).row()
}

fn again<'a>(
    house: &'a House,
    client: &'a NameClient,
    row: &'a KeptRow,
    (text, qtype, class): (&str, QueryType, u16),
) -> Option<NameAnswer<'a>> {
    let name = name(text);
    house.gate.ask_name_again(client, row, &Question { name: &name, qtype, class })
}

const ASKED: (&str, QueryType, u16) = (NAME, QueryType::A, CLASS_IN);

#[tokio::test]
async fn it_answers_the_same_question_of_the_same_client_and_is_counted() {
    let house = House::new().await;
    let session = house.gate.name_session(who(true)).await.unwrap();
    let [asker, neighbour] =
        ["10.1.0.7", "10.1.0.8"].map(|at| house.gate.name_client(&session, at.parse().unwrap()));
    let row = kept(&house, &asker).await;
    for _ in 0..3 {
        let permit = permit(again(&house, &asker, &row, ASKED).unwrap());
        assert!(permit.judge(&["93.184.215.14".parse().unwrap()]).is_ok());
    }
    for other in [
        ("www.weather.example", QueryType::A, CLASS_IN),
        (NAME, QueryType::TXT, CLASS_IN),
        (NAME, QueryType::A, 3),
    ] {
        assert!(again(&house, &asker, &row, other).is_none(), "{other:?}");
    }
    assert!(again(&house, &neighbour, &row, ASKED).is_none(), "another client");
    house.gate.drain(Duration::ZERO).await;
    let events = house.events().await;
    let queries = events.iter().find_map(|row| match &row.event.fact {
        Fact::NameResolved { queries, .. } => Some(*queries),
        _ => None,
    });
    assert_eq!(queries, Some(4));
    assert!(again(&house, &asker, &row, ASKED).is_none(), "what came of it is on record");
}

#[tokio::test]
async fn past_its_minute_it_says_nothing() {
    let house = House::new().await;
    let asker = client(&house, true).await;
    let row = kept(&house, &asker).await;
    assert!(!row.is_over(house.gate.now()));
    house.clock.advance(Duration::from_secs(60));
    assert!(again(&house, &asker, &row, ASKED).is_none());
    assert!(row.is_over(house.gate.now()));
}

#[tokio::test]
async fn a_change_of_policy_counts_at_once() {
    let house = House::new().await;
    let asker = client(&house, true).await;
    let row = kept(&house, &asker).await;
    let given = permit(again(&house, &asker, &row, ASKED).unwrap());
    house.put_policy(&without_api());
    assert!(again(&house, &asker, &row, ASKED).is_none());
    assert!(given.judge(&["93.184.215.14".parse().unwrap()]).is_err(), "a permit in hand too");
    house.put_policy(POLICY);
    assert!(again(&house, &asker, &row, ASKED).is_none(), "a row under the new policy is wanted");
}

#[tokio::test]
async fn quarantine_counts_at_once() {
    let house = House::new().await;
    let session = house.gate.name_session(who(true)).await.unwrap();
    let asker = house.gate.name_client(&session, "10.1.0.7".parse().unwrap());
    let row = kept(&house, &asker).await;
    assert!(again(&house, &asker, &row, ASKED).is_some());
    let target = Quarantined::Session(session.id().clone());
    house.gate.control().quarantine(&house.operator, target, "test").await.unwrap();
    assert!(again(&house, &asker, &row, ASKED).is_none());
    let refused = refusal(ask(&house, &asker, NAME).await);
    assert_eq!(refused.control, Control::Quarantine);
}
