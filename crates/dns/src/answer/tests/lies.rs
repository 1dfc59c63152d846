//! Upstreams, and whoever can send datagrams, that lie.

use super::{Stage, ask, key, shown_as, told};
use crate::answer::Way;
use crate::answer::service::Ech;
use crate::forward::{Asker, Failure, Reach};
use backstop_model::name::QueryType;
use backstop_testkit::NameServer;
use backstop_testkit::nameserver::{self, address, alias, record, soa};
use std::net::UdpSocket;
use std::time::Duration;

const A: QueryType = QueryType::A;
const GOOD: &str = "NOERROR\nname.example. A 93.184.0.7";

#[tokio::test]
async fn guesses_with_a_wrong_id_name_type_or_kind_are_passed_over() {
    let server = NameServer::start(|asked| {
        let poison = address("name.example", 300, "198.18.0.66");
        let lie = asked.reply().answer(poison);
        let (mut id, mut name, mut qtype, mut query) =
            (lie.clone(), lie.clone(), lie.clone(), lie.clone());
        id.id[1] ^= 1;
        name.question = [nameserver::name("evil.example"), vec![0, 1, 0, 1]].concat();
        let at = qtype.question.len() - 3;
        qtype.question[at] = 28;
        query.flags[0] = 1;
        let truth = asked.reply().answer(address("name.example", 300, "93.184.0.7"));
        let short = truth.wire()[..11].to_vec();
        vec![id.wire(), name.wire(), qtype.wire(), query.wire(), short, truth.wire()]
    });
    let answers = Stage::new(&[&server]).answers();
    assert_eq!(ask(&answers, "name.example", A).await.unwrap(), GOOD);
    assert_eq!(server.asked().len(), 1, "no lie made it ask again");
}

#[tokio::test]
async fn a_guess_in_the_wrong_case_leads_to_tcp_and_not_into_the_cache() {
    let server = NameServer::start(|asked| {
        let good = asked.reply().answer(address("name.example", 300, "93.184.0.7"));
        if asked.by_tcp {
            return vec![good.wire()];
        }
        let mut lie = asked.reply().answer(address("name.example", 300, "198.18.0.66"));
        for octet in &mut lie.question {
            if octet.is_ascii_alphabetic() {
                *octet ^= 0x20;
            }
        }
        vec![lie.wire()]
    });
    let answers = Stage::new(&[&server]).answers();
    assert_eq!(ask(&answers, "name.example", A).await.unwrap(), GOOD);
    assert!(server.asked().iter().any(|asked| asked.by_tcp));
}

#[tokio::test]
async fn a_datagram_from_another_source_is_never_read() {
    let server = NameServer::start(|asked| {
        let lie = asked.reply().answer(address("name.example", 300, "198.18.0.66"));
        // The right id, question and spelling, from another port of the same address.
        let spoofer = UdpSocket::bind("127.0.0.1:0").unwrap();
        #[expect(clippy::disallowed_methods, reason = "the attacker's own socket")]
        spoofer.send_to(&lie.wire(), ("127.0.0.1", asked.port)).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        told(asked, &[address("name.example", 300, "93.184.0.7")])
    });
    let answers = Stage::new(&[&server]).answers();
    assert_eq!(ask(&answers, "name.example", A).await.unwrap(), GOOD);
}

#[tokio::test]
async fn a_flood_of_guesses_leads_to_tcp() {
    let server = NameServer::start(|asked| {
        if asked.by_tcp {
            return told(asked, &[address("name.example", 300, "93.184.0.7")]);
        }
        let lie = |n: u8| {
            let mut lie = asked.reply().answer(address("name.example", 300, "198.18.0.66"));
            lie.id = [lie.id[0] ^ 1, lie.id[1].wrapping_add(n)];
            lie.wire()
        };
        (0..40).map(lie).collect()
    });
    let answers = Stage::new(&[&server]).answers();
    assert_eq!(ask(&answers, "name.example", A).await.unwrap(), GOOD);
}

#[tokio::test]
async fn each_question_has_its_own_port_id_and_spelling() {
    let server = NameServer::start(|asked| told(asked, &[address(&asked.name, 300, "93.184.0.7")]));
    let answers = Stage::new(&[&server]).answers();
    for n in 0..40 {
        ask(&answers, &format!("some-longer-name-{n}.example"), A).await.unwrap();
    }
    let asked = server.asked();
    let distinct = |of: &dyn Fn(&nameserver::Asked) -> Vec<u8>| {
        asked.iter().map(of).collect::<std::collections::HashSet<_>>().len()
    };
    assert_eq!(asked.len(), 40);
    assert!(distinct(&|asked| asked.port.to_be_bytes().to_vec()) > 35, "ports");
    assert!(distinct(&|asked| asked.id().to_vec()) > 35, "ids");
    let case = |asked: &nameserver::Asked| {
        asked.question()[1..13].iter().map(|b| u8::from(b.is_ascii_uppercase())).collect()
    };
    assert!(distinct(&case) > 35, "spellings");
}

#[tokio::test]
async fn what_is_cut_short_or_too_long_comes_by_tcp() {
    let many: Vec<Vec<u8>> =
        (0..60).map(|n| address("name.example", 300, &format!("93.184.0.{n}"))).collect();
    let all = many.clone();
    let server = NameServer::start(move |asked| match (asked.by_tcp, asked.name.as_str()) {
        (true, _) => told(asked, &all),
        (false, "name.example") => vec![asked.reply().cut().wire()],
        // 3,000 octets by a datagram, where 1,232 were admitted.
        (false, _) => told(asked, &[&all[..], &all[..]].concat()),
    });
    let answers = Stage::new(&[&server]).answers();
    let shown = ask(&answers, "name.example", A).await.unwrap();
    assert_eq!(shown.lines().count(), 61, "all 60 addresses are told");
    ask(&answers, "long.example", A).await.unwrap();
    assert_eq!(server.asked().iter().filter(|asked| asked.by_tcp).count(), 2);
}

#[tokio::test]
async fn records_of_other_names_and_sections_are_dropped() {
    let server = NameServer::start(|asked| {
        let reply = asked
            .reply()
            .answer(address("name.example", 300, "93.184.0.7"))
            .answer(address("bank.example", 300, "198.18.0.66"))
            .answer(record("name.example", 16, 300, b"\x04text"))
            .authority(record("example", 2, 300, &nameserver::name("ns.evil.example")))
            .additional(address("ns.evil.example", 300, "198.18.0.66"))
            .additional(address("name.example", 300, "10.0.0.1"));
        match asked.name.as_str() {
            "name.example" => vec![reply.wire()],
            _ => vec![asked.reply().authority(soa("example", 60)).code(3).wire()],
        }
    });
    let answers = Stage::new(&[&server]).answers();
    assert_eq!(ask(&answers, "name.example", A).await.unwrap(), GOOD);
    for poisoned in ["bank.example", "ns.evil.example"] {
        let shown = ask(&answers, poisoned, A).await.unwrap();
        assert_eq!(shown, "NXDOMAIN\nexample. SOA", "{poisoned} was not slipped in");
    }
}

#[tokio::test]
async fn an_soa_of_another_zone_is_dropped() {
    let server =
        NameServer::start(|asked| vec![asked.reply().authority(soa("com", 60)).code(3).wire()]);
    let answers = Stage::new(&[&server]).answers();
    assert_eq!(ask(&answers, "name.example", A).await.unwrap(), "NXDOMAIN");
}

#[tokio::test]
async fn alias_chains_are_followed_to_their_end_and_bounded() {
    let server = NameServer::start(|asked| {
        let length = asked.name.split('.').next().unwrap().trim_start_matches('c');
        let length: usize = length.parse().unwrap();
        let name = |n: usize| if n == 0 { asked.name.clone() } else { format!("n{n}.other.test") };
        let mut records: Vec<Vec<u8>> =
            (0..length).map(|n| alias(&name(n), 300, &name(n + 1))).collect();
        records.push(address(&name(length), 300, "93.184.0.7"));
        // Servers may send them in any order.
        records.reverse();
        told(asked, &records)
    });
    let answers = Stage::new(&[&server]).answers();
    let (entry, age) =
        answers.look_up(key("c2.example", A), Reach::Any, Asker::Own, Way::FREE).await.unwrap();
    assert_eq!(
        super::shown(&entry, age),
        "NOERROR\nc2.example. CNAME n1.other.test.\nn1.other.test. CNAME n2.other.test.\n\
         n2.other.test. A 93.184.0.7"
    );
    let chain: Vec<String> = entry.content().chain().iter().map(ToString::to_string).collect();
    assert_eq!(chain, ["n1.other.test", "n2.other.test"]);
    assert!(ask(&answers, "c16.example", A).await.is_ok());
    assert_eq!(ask(&answers, "c17.example", A).await, Err(Failure::Unacceptable));
}

#[tokio::test]
async fn alias_loops_and_contradictions_end() {
    let server = NameServer::start(|asked| match asked.name.as_str() {
        "self.example" => told(asked, &[alias("self.example", 300, "self.example")]),
        "loop.example" => told(
            asked,
            &[alias("loop.example", 300, "b.example"), alias("b.example", 300, "loop.example")],
        ),
        _ => told(
            asked,
            &[alias("two.example", 300, "a.example"), alias("two.example", 300, "b.example")],
        ),
    });
    let answers = Stage::new(&[&server]).answers();
    for name in ["self.example", "loop.example", "two.example"] {
        assert_eq!(ask(&answers, name, A).await, Err(Failure::Unacceptable), "{name}");
    }
}

#[tokio::test]
async fn a_dname_redirects_what_is_below_it() {
    let server = NameServer::start(|asked| {
        told(
            asked,
            &[
                record("old.example", 39, 300, &nameserver::name("new.test")),
                address("a.b.new.test", 300, "93.184.0.7"),
                address("old.example", 300, "198.18.0.66"),
            ],
        )
    });
    let answers = Stage::new(&[&server]).answers();
    assert_eq!(
        ask(&answers, "a.b.old.example", A).await.unwrap(),
        "NOERROR\na.b.old.example. CNAME a.b.new.test.\na.b.new.test. A 93.184.0.7"
    );
}

#[tokio::test]
async fn addresses_in_every_record_and_behind_aliases_come_before_the_judge() {
    let server = NameServer::start(|asked| {
        let service = |params: &[u8]| [&[0, 1, 0][..], params].concat();
        let owner = asked.name.as_str();
        match (owner, asked.qtype) {
            ("alias.example", 1) => told(
                asked,
                &[
                    alias(owner, 60, "inner.test"),
                    address("inner.test", 60, "169.254.169.254"),
                    address("inner.test", 60, "93.184.0.7"),
                ],
            ),
            (_, 28) => told(
                asked,
                &[
                    address(owner, 60, "64:ff9b::a9fe:a9fe"),
                    address(owner, 60, "2002:a9fe:a9fe::"),
                    address(owner, 60, "::169.254.169.254"),
                    address(owner, 60, "2001:0:a9fe:a9fe::1"),
                    address(owner, 60, "::ffff:10.0.0.1"),
                ],
            ),
            (_, qtype) => told(
                asked,
                &[record(
                    owner,
                    qtype,
                    60,
                    &service(&[
                        0, 4, 0, 8, 93, 184, 0, 7, 10, 0, 0, 1, // ipv4hint
                        0, 6, 0, 16, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                        1, // ipv6hint
                    ]),
                )],
            ),
        }
    });
    let answers = Stage::new(&[&server]).answers();
    let judged = async |name, qtype| {
        let found = answers.look_up(key(name, qtype), Reach::Any, Asker::Own, Way::FREE).await;
        found.unwrap().0.content().addresses().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(judged("alias.example", A).await, ["169.254.169.254", "93.184.0.7"]);
    assert_eq!(
        judged("forms.example", QueryType::AAAA).await,
        [
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::",
            "::a9fe:a9fe",
            "2001:0:a9fe:a9fe::1",
            "::ffff:10.0.0.1"
        ]
    );
    for qtype in [QueryType::HTTPS, QueryType::SVCB] {
        assert_eq!(judged("hint.example", qtype).await, ["93.184.0.7", "10.0.0.1", "fd00::1"]);
    }
}

#[tokio::test]
async fn ech_is_taken_out_where_it_must_go() {
    let server = NameServer::start(|asked| {
        let data = b"\x00\x01\x00\x00\x01\x00\x03\x02h2\x00\x05\x00\x04keys";
        told(asked, &[record(&asked.name, 65, 60, &[&data[..2], &data[2..]].concat())])
    });
    // priority 1, target ".", alpn=h2, ech=…
    let answers = Stage::new(&[&server]).answers();
    let key = key("name.example", QueryType::HTTPS);
    let (entry, age) = answers.look_up(key, Reach::Any, Asker::Own, Way::FREE).await.unwrap();
    let stripped = shown_as(&entry, age, Ech::Strip);
    let kept = shown_as(&entry, age, Ech::Keep);
    assert!(stripped.contains("alpn=h2") && !stripped.contains("ech"), "{stripped}");
    assert!(kept.contains("alpn=h2") && kept.contains("ech"), "{kept}");
}

#[tokio::test]
async fn malformed_answers_are_not_used_at_all() {
    let server = NameServer::start(|asked| {
        let good = address(&asked.name, 300, "93.184.0.7");
        let bad = match asked.name.as_str() {
            "short.example" => record(&asked.name, 1, 300, &[93, 184, 0]),
            "long.example" => record(&asked.name, 1, 300, &[93, 184, 0, 7, 1]),
            "pointer.example" => [&[0xc0, 0xff][..], &good[good.len() - 14..]].concat(),
            "loop.example" => {
                // A name that points at itself: it begins behind header and question.
                let at = u16::try_from(12 + asked.question().len() + good.len()).unwrap();
                [&(0xc000 | at).to_be_bytes()[..], &good[good.len() - 14..]].concat()
            }
            "counts.example" => Vec::new(),
            _ => record(&asked.name, 5, 300, &[63, b'x']),
        };
        let mut reply = asked.reply().answer(good);
        reply.sections[0].push(bad);
        vec![reply.wire()]
    });
    let answers = Stage::new(&[&server]).answers();
    for name in ["short", "long", "pointer", "loop", "counts", "name"] {
        let name = format!("{name}.example");
        let qtype = if name == "name.example" { QueryType::CNAME } else { A };
        assert_eq!(ask(&answers, &name, qtype).await, Err(Failure::Unacceptable), "{name}");
    }
}

#[tokio::test]
async fn no_flag_of_a_client_and_no_subnet_reaches_an_upstream() {
    let server = NameServer::start(|asked| told(asked, &[address(&asked.name, 300, "93.184.0.7")]));
    let answers = Stage::new(&[&server]).answers();
    ask(&answers, "name.example", A).await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.message[2..4], [1, 0], "RD alone");
    let opt = &asked.message[12 + asked.question().len()..];
    assert_eq!(opt, [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0], "1232 octets, no DO, no option");
}
