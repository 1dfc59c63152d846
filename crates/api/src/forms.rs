//! The forms of texts in bodies: each with a pattern for machines and the typed parser that
//! decides. A table: one form after the other. Next: `shapes`.

use crate::schema::{Form, Shape};
use crate::span;
use backstop_model::host::HostName;
use backstop_model::id::{
    AlertId, Digest, GrantId, HoldId, LevelName, Principal, QuarantineId, ReceiptId, RoleName,
    SessionId, SkillName, SkillVersion, TenantName, TokenId,
};
use backstop_model::time::Timestamp;

macro_rules! forms {
    ($($name:ident $about:literal $pattern:expr, $example:literal, $check:expr;)*) => {$(
        pub(crate) const $name: Shape = {
            static FORM: Form =
                Form { about: $about, pattern: $pattern, example: $example, check: $check };
            Shape::Form(&FORM)
        };
    )*
    #[cfg(test)]
    pub(crate) const ALL: &[Shape] = &[$($name,)*];
    };
}

/// RFC 1123 label.
const LABEL: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";

fn said<T, E: std::fmt::Display>(read: Result<T, E>) -> Result<(), String> {
    read.map(|_| ()).map_err(|e| e.to_string())
}

forms! {
    TENANT "A tenant: a Kubernetes namespace." LABEL, "research", |t| said(TenantName::parse(t));
    SKILL "A skill's name." LABEL, "weather", |t| said(SkillName::parse(t));
    ROLE "An agent role." LABEL, "researcher", |t| said(RoleName::parse(t));
    LEVEL "A classification level." LABEL, "confidential", |t| said(LevelName::parse(t));
    VERSION "A skill's version." "^[A-Za-z0-9.+-]{1,64}$", "1.2.0", |t| said(SkillVersion::parse(t));
    ACTING_SKILL "A skill, with its version unless only one is loaded."
        "^[a-z0-9-]{1,63}(@[A-Za-z0-9.+-]{1,64})?$", "weather@1.2.0", |t| acting_skill(t).map(|_| ());
    METHOD "An HTTP method." "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}$", "GET", method;
    PRINCIPAL "A named person or machine account."
        "^[^\\s]{1,128}$", "alice@example.com", |t| said(Principal::parse(t));
    SESSION_ID "A session's id." "^ses_[0-9a-hjkmnp-tv-z]{26}$", "ses_00000000000000000000000000", |t| tagged(t, "ses_", SessionId::parse);
    RECEIPT_ID "A receipt." "^rcp_[0-9a-hjkmnp-tv-z]{26}$", "rcp_00000000000000000000000000", |t| tagged(t, "rcp_", ReceiptId::parse);
    HOLD_ID "A hold's id." "^hld_[0-9a-hjkmnp-tv-z]{26}$", "hld_00000000000000000000000000", |t| tagged(t, "hld_", HoldId::parse);
    QUARANTINE_ID "A quarantine's id." "^qrn_[0-9a-hjkmnp-tv-z]{26}$", "qrn_00000000000000000000000000", |t| tagged(t, "qrn_", QuarantineId::parse);
    ALERT_ID "An alert's id." "^alr_[0-9a-hjkmnp-tv-z]{26}$", "alr_00000000000000000000000000", |t| tagged(t, "alr_", AlertId::parse);
    GRANT_ID "A grant's id." "^grt_[0-9a-hjkmnp-tv-z]{26}$", "grt_00000000000000000000000000", |t| tagged(t, "grt_", GrantId::parse);
    TOKEN_ID "A token's public id, never the token itself." "^tok_[0-9a-hjkmnp-tv-z]{26}$", "tok_00000000000000000000000000", |t| tagged(t, "tok_", TokenId::parse);
    DIGEST "A SHA-256 digest." "^sha256:[0-9a-f]{64}$",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", |t| said(Digest::parse(t));
    HOST "An exact host name, never an address." "^[^\\s/:@]{1,253}$", "api.weather.gov", |t| said(HostName::parse(t));
    SPAN "A length of time." "^[1-9][0-9]{0,8}[smhd]$|^0+[1-9][0-9]*[smhd]$", "4h", |t| said(span::parse(t));
    INSTANT "A point in time (RFC 3339, UTC)."
        "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,6})?Z$", "2026-11-22T09:00:00.000000Z",
        |t| Timestamp::parse(t).map(|_| ()).ok_or_else(|| "write a time as RFC 3339 in UTC, such as 2026-11-22T09:00:00Z".to_owned());
}

/// Reads `name` or `name@version`.
pub(crate) fn acting_skill(text: &str) -> Result<(SkillName, Option<SkillVersion>), String> {
    let (name, version) = match text.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    };
    let version = version.map(SkillVersion::parse).transpose().map_err(|e| e.to_string())?;
    Ok((SkillName::parse(name).map_err(|e| e.to_string())?, version))
}

/// A token of RFC 9110 §5.6.2, short.
fn method(text: &str) -> Result<(), String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if (1..=32).contains(&text.len()) && text.bytes().all(fits) {
        Ok(())
    } else {
        Err("use an HTTP method, such as GET".to_owned())
    }
}

/// An id with the prefix of its kind (the typed parser takes any).
fn tagged<T, E: std::fmt::Display>(
    text: &str,
    tag: &'static str,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<(), String> {
    if !text.starts_with(tag) {
        return Err(format!("it must begin with `{tag}`"));
    }
    said(read(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_right_and_nonsense_is_not() {
        for shape in ALL {
            let Shape::Form(form) = shape else { panic!("not a form") };
            assert_eq!((form.check)(form.example), Ok(()), "{}", form.about);
            assert!((form.check)(" \n").is_err(), "{}", form.about);
            assert!((form.check)("").is_err(), "{}", form.about);
        }
    }

    #[test]
    fn an_id_of_another_kind_is_not_taken() {
        let Shape::Form(form) = HOLD_ID else { panic!("not a form") };
        assert!((form.check)("grt_00000000000000000000000000").is_err());
    }
}
