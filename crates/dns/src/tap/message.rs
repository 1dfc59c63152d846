//! One event as dnstap's protobuf has it (`dnstap.proto`), written by hand: it is a handful of
//! fields, and nothing is ever read. Next: `frames`.

use backstop_model::time::Timestamp;
use std::net::{IpAddr, SocketAddr};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    ClientQuery = 5,
    ClientResponse = 6,
    ForwarderQuery = 7,
    ForwarderResponse = 8,
}

/// By what it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Udp = 1,
    Tcp = 2,
    Tls = 3,
    Https = 4,
}

/// What policy did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    NxDomain = 1,
    NoData = 2,
    Drop = 4,
    Truncate = 5,
}

/// What of the message it went by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    Name = 1,
    ResponseIp = 3,
}

/// What refused a question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy<'a> {
    /// `backstop`, or `RPZ` for a response policy zone.
    pub(super) kind: &'a str,
    /// The control's id.
    pub(super) rule: &'a str,
    pub(super) action: Action,
    pub(super) matched: Match,
    /// The name as the record has it.
    pub(super) value: &'a str,
}

/// One event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event<'a> {
    pub(super) kind: Kind,
    pub(super) protocol: Protocol,
    /// Who asked.
    pub(super) query: Option<SocketAddr>,
    /// Who was asked.
    pub(super) response: Option<SocketAddr>,
    pub(super) query_at: Option<Timestamp>,
    pub(super) response_at: Option<Timestamp>,
    pub(super) query_message: Option<&'a [u8]>,
    pub(super) response_message: Option<&'a [u8]>,
    pub(super) policy: Option<Policy<'a>>,
    /// Under which it is on record.
    pub(super) receipt: Option<&'a str>,
}

impl Event<'_> {
    /// The whole payload of a frame.
    pub(super) fn written(&self) -> Vec<u8> {
        let messages = [self.query_message, self.response_message];
        let length: usize = messages.iter().flatten().map(|message| message.len()).sum();
        let mut inner = Vec::with_capacity(length + 160);
        number(&mut inner, 1, self.kind as u64);
        let family = self.query.or(self.response).map(|place| if place.is_ipv4() { 1 } else { 2 });
        optional(family, |family| number(&mut inner, 2, family));
        number(&mut inner, 3, self.protocol as u64);
        optional(self.query, |place| address(&mut inner, 4, place.ip()));
        optional(self.response, |place| address(&mut inner, 5, place.ip()));
        optional(self.query, |place| number(&mut inner, 6, place.port().into()));
        optional(self.response, |place| number(&mut inner, 7, place.port().into()));
        optional(self.query_at, |at| time(&mut inner, [8, 9], at));
        optional(self.query_message, |message| octets(&mut inner, 10, message));
        optional(self.response_at, |at| time(&mut inner, [12, 13], at));
        optional(self.response_message, |message| octets(&mut inner, 14, message));
        optional(self.policy, |policy| {
            let mut of_policy = Vec::with_capacity(96);
            octets(&mut of_policy, 1, policy.kind.as_bytes());
            octets(&mut of_policy, 2, policy.rule.as_bytes());
            number(&mut of_policy, 3, policy.action as u64);
            number(&mut of_policy, 4, policy.matched as u64);
            octets(&mut of_policy, 5, policy.value.as_bytes());
            octets(&mut inner, 15, &of_policy);
        });
        let mut out = Vec::with_capacity(inner.len() + 64);
        octets(&mut out, 2, concat!("backstop ", env!("CARGO_PKG_VERSION")).as_bytes());
        optional(self.receipt, |receipt| octets(&mut out, 3, receipt.as_bytes()));
        octets(&mut out, 14, &inner);
        number(&mut out, 15, 1);
        out
    }
}

fn optional<T>(value: Option<T>, write: impl FnOnce(T)) {
    if let Some(value) = value {
        write(value);
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.extend_from_slice(&[(value & 0x7F) as u8 | 0x80]);
        value >>= 7;
    }
    out.extend_from_slice(&[value as u8]);
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn octets(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, u64::try_from(value.len()).unwrap_or(0));
    out.extend_from_slice(value);
}

fn address(out: &mut Vec<u8>, field: u64, address: IpAddr) {
    match address {
        IpAddr::V4(four) => octets(out, field, &four.octets()),
        IpAddr::V6(six) => octets(out, field, &six.octets()),
    }
}

/// Whole seconds as a number, the rest in nanoseconds as four octets.
fn time(out: &mut Vec<u8>, [seconds, rest]: [u64; 2], at: Timestamp) {
    let micros = at.unix_micros().cast_unsigned();
    number(out, seconds, micros / 1_000_000);
    varint(out, rest << 3 | 5);
    let nanos = u32::try_from(micros % 1_000_000 * 1_000).unwrap_or(0);
    out.extend_from_slice(&nanos.to_le_bytes());
}
