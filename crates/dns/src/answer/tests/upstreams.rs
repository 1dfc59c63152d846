//! Upstreams that are dead, slow, or fail.

use super::{Stage, ask, key, told};
use crate::answer::Limits;
use crate::answer::Way;
use crate::forward::{Asker, Failure, Reach};
use backstop_model::name::QueryType;
use backstop_testkit::NameServer;
use backstop_testkit::nameserver::{Asked, address, soa};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const A: QueryType = QueryType::A;

fn good(asked: &Asked) -> Vec<Vec<u8>> {
    told(asked, &[address(&asked.name, 300, "93.184.0.7")])
}

#[tokio::test]
async fn a_silent_upstream_costs_one_hedge_and_is_then_left_alone() {
    let (silent, server) = (NameServer::start(|_| Vec::new()), NameServer::start(good));
    let answers = Stage::new(&[&silent, &server]).answers();
    let start = Instant::now();
    assert!(ask(&answers, "a.example", A).await.is_ok());
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    for n in 0..20 {
        ask(&answers, &format!("n{n}.example"), A).await.unwrap();
    }
    assert!(silent.asked().len() < 10, "{}", silent.asked().len());
    assert_eq!(server.asked().len(), 21);
}

#[tokio::test]
async fn nobody_listens_or_all_fail_and_the_next_is_asked_at_once() {
    let gone = NameServer::start(good).place();
    let failing = NameServer::start(|asked| vec![asked.reply().code(2).wire()]);
    let refusing = NameServer::start(|asked| vec![asked.reply().code(5).wire()]);
    let server = NameServer::start(good);
    let mut stage = Stage::new(&[&failing, &refusing, &server]);
    stage.upstreams.insert(0, gone);
    stage.hedge = Duration::from_secs(5);
    let answers = stage.answers();
    let start = Instant::now();
    assert!(ask(&answers, "a.example", A).await.is_ok());
    assert!(start.elapsed() < Duration::from_secs(4), "no hedge was waited for");
}

#[tokio::test]
async fn a_failure_of_all_is_told_in_time_and_remembered_for_a_while() {
    let silent = NameServer::start(|_| Vec::new());
    let mut stage = Stage::new(&[&silent]);
    stage.deadline = Duration::from_millis(300);
    let answers = stage.answers();
    assert_eq!(ask(&answers, "a.example", A).await, Err(Failure::TimedOut));
    let asked = silent.asked().len();
    for _ in 0..50 {
        assert_eq!(ask(&answers, "a.example", A).await, Err(Failure::TimedOut));
    }
    assert_eq!(silent.asked().len(), asked, "no storm of queries");
}

#[tokio::test]
async fn a_server_without_edns_is_asked_without() {
    let server = NameServer::start(|asked| {
        // The count of the additional section.
        if asked.message[11] == 1 { vec![asked.reply().code(1).wire()] } else { good(asked) }
    });
    let answers = Stage::new(&[&server]).answers();
    assert!(ask(&answers, "a.example", A).await.is_ok());
}

#[tokio::test]
async fn a_zone_has_upstreams_of_its_own_and_its_names_go_nowhere_else() {
    let (usual, cluster) = (NameServer::start(good), NameServer::start(good));
    let mut stage = Stage::new(&[&usual]);
    stage.zones = vec![("cluster.local", cluster.place())];
    let answers = stage.answers();
    let service = "db.team.svc.cluster.local";
    ask(&answers, service, A).await.unwrap();
    ask(&answers, "a.example", A).await.unwrap();
    ask(&answers, "notcluster.local", A).await.unwrap();
    let names = |server: &NameServer| {
        server.asked().into_iter().map(|asked| asked.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&cluster), [service]);
    assert_eq!(names(&usual), ["a.example", "notcluster.local"]);
    // A permit for the cluster's own zone is none for the usual upstreams, cached or not.
    let strayed = key("a.example", A);
    let strayed = answers.look_up(strayed, Reach::ZoneAlone, Asker::Own, Way::FREE).await;
    assert_eq!(strayed.map(|_| ()), Err(Failure::NoUpstream));
}

#[tokio::test]
async fn a_thousand_askers_are_one_query() {
    let server = NameServer::start(|asked| {
        std::thread::sleep(Duration::from_millis(200));
        good(asked)
    });
    let answers = Stage::new(&[&server]).answers();
    let mut askers = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let answers = Arc::clone(&answers);
        askers.spawn(async move { ask(&answers, "a.example", A).await.unwrap() });
    }
    assert_eq!(askers.join_all().await.len(), 1_000);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn one_client_with_slow_names_leaves_room_for_others() {
    let server = NameServer::start(|asked| match asked.name.as_str() {
        "quick.example" => good(asked),
        _ => Vec::new(),
    });
    let mut stage = Stage::new(&[&server]);
    stage.limits = Limits { queries: 100, queries_of_one: 10, ..Limits::default() };
    let answers = stage.answers();
    let loud = Asker::Client(IpAddr::from([192, 0, 2, 1]));
    let mut slow = tokio::task::JoinSet::new();
    for n in 0..50 {
        let (answers, loud) = (Arc::clone(&answers), loud.clone());
        slow.spawn(async move {
            let key = key(&format!("slow{n}.example"), A);
            answers.look_up(key, Reach::Any, loud, Way::FREE).await.map(|_| ())
        });
    }
    let mut crowded = 0;
    for _ in 0..40 {
        let done = slow.join_next().await.unwrap().unwrap();
        crowded += usize::from(done == Err(Failure::Crowded));
    }
    assert_eq!(crowded, 40, "refused at once");
    let quiet = Asker::Client(IpAddr::from([192, 0, 2, 2]));
    assert!(answers.look_up(key("quick.example", A), Reach::Any, quiet, Way::FREE).await.is_ok());
}

#[tokio::test]
async fn an_answer_goes_on_when_its_asker_has_gone() {
    let server = NameServer::start(|asked| {
        std::thread::sleep(Duration::from_millis(150));
        good(asked)
    });
    let answers = Stage::new(&[&server]).answers();
    let impatient = ask(&answers, "a.example", A);
    assert!(tokio::time::timeout(Duration::from_millis(20), impatient).await.is_err());
    assert!(ask(&answers, "a.example", A).await.is_ok());
    assert_eq!(server.asked().len(), 1, "the second asker found the first one's look-up");
}

#[tokio::test]
async fn there_is_no_such_name_is_kept_as_long_as_its_soa_says() {
    let server = NameServer::start(|asked| {
        let rcode = if asked.name == "none.example" { 3 } else { 0 };
        vec![asked.reply().authority(soa("example", 600)).code(rcode).wire()]
    });
    let answers = Stage::new(&[&server]).answers();
    for _ in 0..3 {
        assert_eq!(ask(&answers, "none.example", A).await.unwrap(), "NXDOMAIN\nexample. SOA");
        assert_eq!(ask(&answers, "empty.example", A).await.unwrap(), "NOERROR\nexample. SOA");
    }
    assert_eq!(server.asked().len(), 2);
}
