//! A service without a gate: the first label of a name says what becomes of it.

use backstop_dns::body::Head;
use backstop_dns::refusal::{self, Scope};
use backstop_dns::server::{Known, Now, Reply, Service, Source, Why};
use backstop_dns::wire::Rcode;
use backstop_dns::wire::query::Query;
use backstop_model::control::Control;
use backstop_model::id::ReceiptId;
use backstop_model::refusal::Refusal;
use backstop_model::time::Timestamp;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// `refused.…` is refused, `slow.…` waits, `many.…` has thirty addresses, anything else has one.
pub(crate) struct Toy {
    pub(crate) source: Source,
    pub(crate) stranger: Option<IpAddr>,
    pub(crate) pause: Duration,
}

impl Default for Toy {
    fn default() -> Self {
        Self { source: Source::Anyone, stranger: None, pause: Duration::from_millis(300) }
    }
}

impl Toy {
    fn answer(query: &Query, out: &mut Vec<u8>) -> Reply {
        if query.name.labels().next() == Some(b"refused") {
            let refusal = Refusal {
                receipt: ReceiptId::draw(Timestamp::from_unix_micros(0), [0; 10]),
                control: Control::DnsUndeclared,
                host: Some(query.name.to_string()),
                reason: "for the operator alone".to_owned(),
                hold: None,
            };
            let head = refusal::records(out, &query.manner, &refusal, Scope::Name);
            return Reply { head, why: Why::Refused(refusal) };
        }
        let many = query.name.labels().next() == Some(b"many");
        let answers = if many { 30 } else { 1 };
        for number in 0..answers {
            out.extend_from_slice(&[0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, number]);
        }
        let head =
            Head { rcode: Rcode::NoError.number(), answers: u16::from(answers), authorities: 0 };
        Reply { head, why: Why::Answered }
    }
}

impl Service for Toy {
    type Client = ();
    type Waiting = ();
    type Desk = ();

    fn client(&self, _: SocketAddr, source: IpAddr) -> Option<Known<()>> {
        (Some(source) != self.stranger).then_some(Known { client: (), source: self.source })
    }

    fn named(&self, _: IpAddr, identity: &str) -> Option<Known<()>> {
        (identity == "known").then_some(Known { client: (), source: self.source })
    }

    fn now(&self, (): &mut (), (): &(), query: &Query, _: Instant, out: &mut Vec<u8>) -> Now<()> {
        if query.name.labels().next() == Some(b"slow") {
            return Now::Later(());
        }
        Now::Reply(Self::answer(query, out))
    }

    async fn later(&self, (): (), (): (), query: Query, mut out: Vec<u8>) -> (Reply, Vec<u8>) {
        tokio::time::sleep(self.pause).await;
        (Self::answer(&query, &mut out), out)
    }
}
