//! The resolver's upstream side against a name server that lies on order. Next: `lies`.

mod lies;
mod mangled;
mod open;
mod real;
mod secured;
mod times;
mod upstreams;

use super::{Answers, Limits, Way};
use crate::cache::{self, Age, Entry};
use crate::forward::{self, Asker, Failure, Forwarder, Key, Reach, Upstream, Zone};
use backstop_gate::{OsRandom, OwnListeners, OwnSockets, Trust};
use backstop_model::name::{CLASS_IN, QueryName, QueryType};
use backstop_testkit::NameServer;
use backstop_testkit::nameserver::Asked;
use domain::base::Message;
use domain::base::iana::Rtype;
use domain::base::name::ParsedName;
use domain::rdata::AllRecordData;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// Answers over these upstreams, patient enough for a busy machine.
struct Stage {
    upstreams: Vec<SocketAddr>,
    texts: Vec<String>,
    trust: Option<Trust>,
    zones: Vec<(&'static str, SocketAddr)>,
    times: cache::Config,
    limits: Limits,
    deadline: Duration,
    hedge: Duration,
}

impl Stage {
    fn new(upstreams: &[&NameServer]) -> Self {
        Self {
            upstreams: upstreams.iter().map(|server| server.place()).collect(),
            texts: Vec::new(),
            trust: None,
            zones: Vec::new(),
            times: cache::Config::default(),
            limits: Limits::default(),
            deadline: Duration::from_secs(8),
            hedge: Duration::from_millis(400),
        }
    }
    fn answers(self) -> Arc<Answers> {
        let upstream = |place: &SocketAddr| Upstream::parse(&place.to_string()).unwrap();
        let zone = |(name, place): &(&str, SocketAddr)| Zone {
            name: QueryName::from_text(name).unwrap(),
            upstreams: vec![upstream(place)],
        };
        let config = forward::Config {
            upstreams: self
                .upstreams
                .iter()
                .map(upstream)
                .chain(self.texts.iter().map(|text| Upstream::parse(text).unwrap()))
                .collect(),
            zones: self.zones.iter().map(zone).collect(),
            deadline: self.deadline,
            hedge: self.hedge,
        };
        let mut sockets = OwnSockets::new(OwnListeners::default());
        if let Some(trust) = &self.trust {
            sockets = sockets.with_tls(trust).unwrap();
        }
        let forwarder = Forwarder::new(config, sockets, Arc::new(OsRandom));
        Answers::new(forwarder, self.times, self.limits, Handle::current())
    }
}

fn key(name: &str, qtype: QueryType) -> Key {
    Key { name: QueryName::from_text(name).unwrap(), qtype, class: CLASS_IN }
}

async fn ask(answers: &Arc<Answers>, name: &str, qtype: QueryType) -> Result<String, Failure> {
    let key = key(name, qtype);
    let (entry, age) = answers.look_up(key, Reach::Any, Asker::Own, Way::FREE).await?;
    Ok(shown(&entry, age))
}

/// What a client reads: the records as a message of its own, read by a library.
fn shown(entry: &Arc<Entry>, age: Age) -> String {
    shown_as(entry, age, super::Ech::Strip)
}

fn shown_as(entry: &Arc<Entry>, age: Age, ech: super::Ech) -> String {
    let body = super::Body::new(std::borrow::Cow::Borrowed(entry), ech, age);
    let key = entry.key();
    let mut message = vec![0, 0, 0x81, 0x80 | body.head().rcode, 0, 1];
    message.extend(body.head().answers.to_be_bytes());
    message.extend(body.head().authorities.to_be_bytes());
    message.extend([0, 0]);
    message.extend(key.name.as_wire());
    message.extend(key.qtype.0.to_be_bytes());
    message.extend(key.class.to_be_bytes());
    let begin = message.len();
    message.resize(begin + body.len(), 0);
    assert_eq!(body.write(&mut message[begin..]), Some(body.len()));
    let message = Message::from_octets(message).unwrap();
    let mut lines = vec![message.header().rcode().to_string()];
    for section in [message.answer().unwrap(), message.authority().unwrap()] {
        for record in section.into_records::<AllRecordData<_, ParsedName<_>>>() {
            let record = record.unwrap();
            if record.rtype() != Rtype::SOA {
                lines.push(format!("{}. {} {}", record.owner(), record.rtype(), record.data()));
            } else {
                lines.push(format!("{}. SOA", record.owner()));
            }
        }
    }
    lines.join("\n")
}

/// One message, in due form.
fn told(asked: &Asked, records: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut reply = asked.reply();
    reply.sections[0].extend_from_slice(records);
    vec![reply.wire()]
}
