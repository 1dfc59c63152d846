//! Upstreams that tell an alias and not where it leads, and rules that the names on the way meet.

use super::{Stage, ask, key};
use crate::answer::Way;
use crate::cache::Entry;
use crate::forward::{Asker, Failure, Reach};
use crate::rpz::{Declared, Filter, Override, Rules, Terms, Zone};
use backstop_model::name::{QueryName, QueryType};
use backstop_testkit::NameServer;
use backstop_testkit::nameserver::{address, alias, record, soa};
use std::sync::Arc;

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
        answers.look_up(key("name.example", A), Reach::Any, Asker::Own, Way::FREE).await.unwrap();
    assert_eq!(entry.content().chain().len(), 2);
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
    answers.look_up(of_zone, Reach::ZoneAlone, Asker::Own, Way::FREE).await.unwrap();
    assert_eq!(outside.asked().len(), before);
}

fn zone(name: &str, text: &str) -> Zone {
    let text = format!("@ SOA ns. host. 1 1 1 1 1\n{text}");
    let terms = Terms { policy: Override::Given, sinkholes: Vec::new() };
    let name = QueryName::from_text(name).unwrap();
    Zone::read(text.as_bytes(), &name, terms, 1 << 20, (3, 4)).unwrap()
}

/// Whose names are aliases one after the other: `way`, `n1`, `n2`, and an address.
fn three() -> NameServer {
    NameServer::start(|asked| {
        let reply = asked.reply();
        let reply = match asked.name.as_str() {
            "way.example" => reply.answer(alias("way.example", 300, "n1.cdn.example")),
            "n1.cdn.example" => reply.answer(alias("n1.cdn.example", 300, "n2.cdn.example")),
            _ => reply.answer(address(&asked.name, 300, "93.184.0.7")),
        };
        vec![reply.wire()]
    })
}

#[tokio::test]
async fn a_name_on_the_way_that_rules_refuse_is_not_asked_for() {
    const WAY: [&str; 3] = ["way.example", "n1.cdn.example", "n2.cdn.example"];
    for (rules, own, declared, asks) in [
        ("n2.cdn.example CNAME .", "", Declared::ByName, 2),
        ("n2.cdn.example CNAME *.", "", Declared::ByName, 2),
        ("n2.cdn.example CNAME rpz-drop.", "", Declared::ByName, 2),
        ("n2.cdn.example A 192.0.2.1", "", Declared::ByName, 2),
        ("n2.cdn.example CNAME garden.example.", "", Declared::ByName, 2),
        ("*.cdn.example CNAME .", "", Declared::ByName, 1),
        // Who comes first on the way, and first among the zones, counts.
        ("n1.cdn.example CNAME rpz-passthru.\nn2.cdn.example CNAME .", "", Declared::ByName, 3),
        ("n2.cdn.example CNAME rpz-tcp-only.", "", Declared::ByName, 3),
        ("n2.cdn.example CNAME rpz-passthru.", "*.cdn.example CNAME .", Declared::Otherwise, 1),
        ("", "n2.cdn.example CNAME .", Declared::Otherwise, 2),
        // A name that somebody declared letter by letter is above the built-in list.
        ("", "n2.cdn.example CNAME .", Declared::ByName, 3),
        ("other.example CNAME .", "", Declared::Otherwise, 3),
    ] {
        let server = three();
        let answers = Stage::new(&[&server]).answers();
        let rules = Rules::new(vec![Arc::new(zone("feed.example", rules))]);
        let filter = Arc::new(Filter::new(rules, Some(zone("own.example", own))));
        let way = Way::watched(&filter, declared);
        let key = key("way.example", A);
        let (entry, _) = answers.look_up(key, Reach::Any, Asker::Own, way).await.unwrap();
        assert_eq!(asked(&server), &WAY[..asks], "{declared:?}");
        let last = entry.content().chain().last().unwrap().to_string();
        assert_eq!(last, WAY[asks.min(2)], "told where it ends, so that it is refused there");
        assert_eq!(entry.content().cut_off, asks < 3);
    }
}

#[tokio::test]
async fn an_answer_that_ends_where_rules_end_it_is_told_to_nobody_else() {
    let server = three();
    let answers = Stage::new(&[&server]).answers();
    let rules = || Rules::new(vec![Arc::new(zone("feed.example", "n1.cdn.example CNAME ."))]);
    let filter = Arc::new(Filter::new(rules(), None));
    let watched = Way::watched(&filter, Declared::ByName);
    let look = async |way| -> Arc<Entry> {
        let key = key("way.example", A);
        answers.look_up(key, Reach::Any, Asker::Own, way).await.unwrap().0
    };
    assert!(look(watched).await.content().cut_off);
    assert!(look(watched).await.content().cut_off);
    assert_eq!(server.asked().len(), 1, "kept for whom the same rules watch");
    // Both at once: the look-up of one is not the other's.
    let (free, cut) = tokio::join!(look(Way::FREE), look(watched));
    assert!(!free.content().cut_off && cut.content().cut_off);
    assert_eq!(free.content().addresses().len(), 1);
    assert_eq!(asked(&server).len(), 4);
    // A whole answer is everybody's: rules look at it when it is told.
    assert!(!look(watched).await.content().cut_off);
    // What rules end no more is asked for.
    let answers = Stage::new(&[&server]).answers();
    let look = async |way| -> Arc<Entry> {
        let key = key("way.example", A);
        answers.look_up(key, Reach::Any, Asker::Own, way).await.unwrap().0
    };
    assert!(look(watched).await.content().cut_off);
    filter.exchange(Rules::default());
    assert!(!look(watched).await.content().cut_off);
}
