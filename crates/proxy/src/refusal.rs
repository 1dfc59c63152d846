//! From a [`Refusal`] to this plane's wire: `application/problem+json` (RFC 9457), a
//! `Backstop-Receipt` header, and in a tunnel a TLS alert. The one file that does so.
//!
//! INVARIANT: what the agent is shown is control, host and receipt; never the reason for the
//! operator, and never how to get permission.

use crate::body::Outbound;
use backstop_model::control::Control;
use backstop_model::refusal::Refusal;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, PROXY_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use hyper::ext::ReasonPhrase;
use serde::Serialize;

/// Carries the receipt of the permit or the refusal on every answer.
pub(crate) const RECEIPT: HeaderName = HeaderName::from_static("backstop-receipt");

/// A fatal `access_denied` (RFC 8446 §6.2) in a plain record: what a TLS client shows as a refusal
/// and not as a broken network.
pub(crate) const ACCESS_DENIED: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];
/// A fatal `internal_error`: the upstream could not be reached.
pub(crate) const INTERNAL_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 80];

/// Whether the connection can carry another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    KeepAlive,
    Close,
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    control: &'static str,
    host: Option<&'a str>,
    receipt: &'a str,
}

/// The answer to a refusal, with the status that its control calls for.
pub(crate) fn answer(refusal: &Refusal, after: After) -> Response<Outbound> {
    answer_with(refusal, status(refusal.control), None, after)
}

/// The answer to a refusal that this plane made itself; `detail` says what was wrong with the message.
pub(crate) fn answer_with(
    refusal: &Refusal,
    status: StatusCode,
    detail: Option<&str>,
    after: After,
) -> Response<Outbound> {
    let mut response = Response::new(Outbound::full(body(refusal, status, detail)));
    *response.status_mut() = status;
    if let Ok(phrase) = ReasonPhrase::try_from(phrase(refusal, status).into_bytes()) {
        response.extensions_mut().insert(phrase);
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Ok(receipt) = HeaderValue::from_str(refusal.receipt.as_str()) {
        headers.insert(RECEIPT, receipt);
    }
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        headers.append(PROXY_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"backstop\""));
        headers.append(PROXY_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"backstop\""));
    }
    if after == After::Close {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The reason phrase (RFC 9112 §4): all that many clients show of a refused CONNECT.
fn phrase(refusal: &Refusal, status: StatusCode) -> String {
    let known = status.canonical_reason().unwrap_or("Refused");
    format!("{known} ({} {})", refusal.control, refusal.receipt)
}

/// A whole answer as bytes, for a connection that never gets as far as a parser.
pub(crate) fn bare_answer(refusal: &Refusal, status: StatusCode) -> Vec<u8> {
    let body = body(refusal, status, None);
    let mut out = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\nbackstop-receipt: {}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        status.as_u16(),
        phrase(refusal, status),
        refusal.receipt,
        body.len()
    )
    .into_bytes();
    out.extend_from_slice(&body);
    out
}

fn body(refusal: &Refusal, status: StatusCode, detail: Option<&str>) -> Bytes {
    let problem = Problem {
        r#type: format!("urn:backstop:control:{}", refusal.control),
        title: refusal.control.rule(),
        status: status.as_u16(),
        detail,
        control: refusal.control.as_str(),
        host: refusal.host.as_deref(),
        receipt: refusal.receipt.as_str(),
    };
    serde_json::to_vec(&problem).map(Bytes::from).unwrap_or_default()
}

/// The status that a control's refusal has on this plane.
fn status(control: Control) -> StatusCode {
    match control {
        Control::Fault => StatusCode::SERVICE_UNAVAILABLE,
        Control::Limit => StatusCode::TOO_MANY_REQUESTS,
        Control::Identity => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        Control::UpstreamReach | Control::UpstreamTls => StatusCode::BAD_GATEWAY,
        Control::Quarantine
        | Control::WireFraming
        | Control::WireAuthority
        | Control::WireEch
        | Control::WireProtocol
        | Control::SsrfScheme
        | Control::SsrfAddress
        | Control::SsrfLiteral
        | Control::SsrfRedirect
        | Control::SsrfRebind
        | Control::EgressTenant
        | Control::EgressSkill
        | Control::EgressUninspected
        | Control::DnsUndeclared
        | Control::DnsLabelLength
        | Control::DnsUniqueRate
        | Control::DnsEntropy
        | Control::DnsPayload
        | Control::DnsRpz
        | Control::DlpPii
        | Control::DlpCredential
        | Control::DlpClassification
        | Control::DlpEncoded
        | Control::VolumeReceived
        | Control::VolumeCalls
        | Control::SandboxUndeclared => StatusCode::FORBIDDEN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstop_model::id::ReceiptId;
    use backstop_model::time::Timestamp;
    use expect_test::expect;

    fn refusal(control: Control) -> Refusal {
        Refusal {
            receipt: ReceiptId::draw(Timestamp::from_unix_micros(0), [0; 10]),
            control,
            host: Some("evil.example".to_owned()),
            reason: "secret for the operator: add a row".to_owned(),
            hold: None,
        }
    }

    #[test]
    fn a_refusal_shows_control_host_and_receipt_and_no_way_round() {
        let bytes = bare_answer(&refusal(Control::EgressTenant), StatusCode::FORBIDDEN);
        expect![[r#"
            HTTP/1.1 403 Forbidden (egress.tenant rcp_00000000000000000000000000)
            content-type: application/problem+json
            backstop-receipt: rcp_00000000000000000000000000
            content-length: 212
            connection: close

            {"type":"urn:backstop:control:egress.tenant","title":"host, port and protocol are not on the tenant's list","status":403,"control":"egress.tenant","host":"evil.example","receipt":"rcp_00000000000000000000000000"}"#]]
        .assert_eq(&String::from_utf8(bytes).unwrap().replace('\r', ""));
    }

    #[test]
    fn each_control_has_its_status() {
        for control in Control::ALL {
            let answer = answer(&refusal(*control), After::Close);
            assert!(answer.status().is_client_error() || answer.status().is_server_error());
            assert_eq!(answer.headers()[RECEIPT], "rcp_00000000000000000000000000");
        }
        let challenge = answer(&refusal(Control::Identity), After::KeepAlive);
        let schemes: Vec<_> = challenge.headers().get_all(PROXY_AUTHENTICATE).iter().collect();
        assert_eq!(schemes, ["Basic realm=\"backstop\"", "Bearer realm=\"backstop\""]);
    }
}
