//! Upstreams that tell an alias and not where it leads.

use super::{Stage, ask, key};
use crate::forward::{Asker, Failure, Reach};
use backstop_model::name::QueryType;
use backstop_testkit::NameServer;
use backstop_testkit::nameserver::{address, alias, record, soa};

const A: QueryType = QueryType::A;

/// Tells one alias at a time: `n0` leads to `n1`, and so on; `n3` has an address.
fn partial() -> NameServer {
    NameServer::start(|asked| {
        let reply = asked.reply();
        let reply = match asked.name.as_str() {
            "name.example" => reply.answer(alias("name.example", 300, "n1.cdn.example")),
            "n1.cdn.example" => reply.answer(alias("n1.cdn.example", 30, "n2.cdn.example")),
            "n2.cdn.example" if asked.qtype == 1 => {
                reply.answer(address("n2.cdn.example", 300, "93.184.0.7"))
            }
            "n2.cdn.example" => reply.authority(soa("cdn.example", 60)),
            "gone.example" => reply.answer(alias("gone.example", 300, "away.cdn.example")),
            "away.cdn.example" => reply.code(3).authority(soa("cdn.example", 60)),
            "sick.example" => reply.answer(alias("sick.example", 300, "fails.example")),
            "fails.example" => reply.code(2),
            // Says nothing of its end, and nothing at all when asked for it.
            "mute.example" => reply.answer(alias("mute.example", 300, "silent.example")),
            // Back to where the chain has been, at the third question.
            "round.example" => reply.answer(alias("round.example", 300, "about.example")),
            "about.example" => reply.answer(alias("about.example", 300, "round.example")),
            other => match other
                .strip_suffix(".endless.example")
                .and_then(|n| n.parse::<u32>().ok())
            {
                Some(n) => reply.answer(alias(other, 300, &format!("{}.endless.example", n + 1))),
                None => reply,
            },
        };
        vec![reply.wire()]
    })
}

fn asked(server: &NameServer) -> Vec<String> {
    server.asked().into_iter().map(|asked| asked.name).collect()
}

#[tokio::test]
async fn an_alias_that_is_left_open_is_followed_to_its_end() {
    let server = partial();
    let answers = Stage::new(&[&server]).answers();
    let whole = "NOERROR\nname.example. CNAME n1.cdn.example.\nn1.cdn.example. CNAME n2.cdn.example.\n\
                 n2.cdn.example. A 93.184.0.7";
    assert_eq!(ask(&answers, "name.example", A).await.unwrap(), whole);
    assert_eq!(asked(&server), ["name.example", "n1.cdn.example", "n2.cdn.example"]);
    // Kept as one answer of the name alone, with the least time on the way; none of its aliases.
    let (entry, age) =
        answers.look_up(key("name.example", A), Reach::Any, Asker::Own).await.unwrap();
    assert_eq!(entry.content().chain.len(), 2);
    let crate::cache::Age::Fresh(left) = age else { panic!("{age:?}") };
    assert!(left.as_secs() < 30, "{left:?}");
    assert_eq!(server.asked().len(), 3);
    assert!(answers.cache.find(&key("n1.cdn.example", A).name, A, 1).is_none());
}

#[tokio::test]
async fn an_alias_without_the_records_that_were_asked_for_says_so() {
    let server = partial();
    let answers = Stage::new(&[&server]).answers();
    let told = ask(&answers, "name.example", QueryType::AAAA).await.unwrap();
    assert!(told.starts_with("NOERROR\nname.example. CNAME n1") && told.ends_with("SOA"), "{told}");
    let told = ask(&answers, "gone.example", A).await.unwrap();
    assert!(
        told.starts_with("NXDOMAIN\ngone.example. CNAME away") && told.ends_with("SOA"),
        "{told}"
    );
    let told = ask(&answers, "mute.example", A).await.unwrap();
    assert_eq!(told, "NOERROR\nmute.example. CNAME silent.example.");
    // An answer that ends in a failure is none.
    assert_eq!(ask(&answers, "sick.example", A).await, Err(Failure::Rcode(2)));
}

#[tokio::test]
async fn loops_and_endless_chains_end_at_the_bound() {
    let server = partial();
    let answers = Stage::new(&[&server]).answers();
    assert_eq!(ask(&answers, "round.example", A).await, Err(Failure::Unacceptable));
    assert_eq!(asked(&server), ["round.example", "about.example"]);
    assert_eq!(ask(&answers, "0.endless.example", A).await, Err(Failure::Unacceptable));
    // One question for the name and one for each alias that a chain may have.
    assert_eq!(server.asked().len(), 2 + 17);
}

#[tokio::test]
async fn nobody_is_led_from_outside_into_a_zone_with_upstreams_of_its_own() {
    let inside = NameServer::start(|asked| {
        vec![asked.reply().answer(address(&asked.name, 60, "93.184.0.9")).wire()]
    });
    let outside = NameServer::start(|asked| {
        let target =
            record(&asked.name, 5, 60, &backstop_testkit::nameserver::name("db.inside.example"));
        vec![asked.reply().answer(target).wire()]
    });
    let mut stage = Stage::new(&[&outside]);
    stage.zones = vec![("inside.example", inside.place())];
    let answers = stage.answers();
    let told = ask(&answers, "evil.example", A).await.unwrap();
    assert_eq!(told, "NOERROR\nevil.example. CNAME db.inside.example.");
    assert_eq!(inside.asked().len(), 0, "asked by the mouth of the resolver");
    // And from inside, under a permit that may not leave the zone, to nobody outside.
    let leaving = NameServer::start(|asked| {
        vec![asked.reply().answer(alias(&asked.name, 60, "name.elsewhere.example")).wire()]
    });
    let mut stage = Stage::new(&[&outside]);
    stage.zones = vec![("leaving.example", leaving.place())];
    let answers = stage.answers();
    let before = outside.asked().len();
    let of_zone = key("svc.leaving.example", A);
    answers.look_up(of_zone, Reach::ZoneAlone, Asker::Own).await.unwrap();
    assert_eq!(outside.asked().len(), before);
}
