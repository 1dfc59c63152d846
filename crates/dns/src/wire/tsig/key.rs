//! A shared secret with its name and algorithm, and the two forms in which others write it down.
//! Next: `record`.

use aws_lc_rs::hmac;
use backstop_model::name::QueryName;
use domain::utils::base64;
use std::fmt;
use std::sync::Arc;

/// The algorithms that are spoken. SHA-1 and MD5 are not: RFC 8945 §6 lets one leave them out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// `hmac-sha256`, which everybody has.
    Sha256,
    /// `hmac-sha512`.
    Sha512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// The name by which configurations call it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Sha256 => "hmac-sha256",
            Self::Sha512 => "hmac-sha512",
        }
    }

    /// Octets of a whole MAC.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// The name on the wire.
    pub(super) const fn wire(self) -> &'static [u8] {
        match self {
            Self::Sha256 => b"\x0bhmac-sha256\0",
            Self::Sha512 => b"\x0bhmac-sha512\0",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim_end_matches('.');
        Self::ALL.into_iter().find(|algorithm| algorithm.text().eq_ignore_ascii_case(text))
    }

    const fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

/// A TSIG key: a cheap handle to the secret, which is shown to nobody.
#[derive(Clone)]
pub struct Key(Arc<Inner>);

struct Inner {
    name: QueryName,
    algorithm: Algorithm,
    secret: hmac::Key,
}

/// Why a text is no key. It never holds a part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Neither form.
    #[error(
        "not a key: write what `tsig-keygen` prints, or `hmac-sha256:NAME:SECRET` with the secret in base64"
    )]
    Form,
    /// An algorithm that is not spoken.
    #[error("the algorithm is neither hmac-sha256 nor hmac-sha512")]
    Algorithm,
    /// A name that is none.
    #[error("the key's name is not a domain name")]
    Name,
    /// A secret that is not base64.
    #[error("the secret is not base64")]
    Secret,
    /// A secret that can be guessed.
    #[error("the secret is shorter than 16 octets")]
    Short,
}

impl Key {
    /// The key of this name.
    ///
    /// # Errors
    /// [`KeyFault::Short`].
    pub fn new(name: QueryName, algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyFault> {
        if secret.len() < SHORTEST {
            return Err(KeyFault::Short);
        }
        let secret = hmac::Key::new(algorithm.hmac(), secret);
        Ok(Self(Arc::new(Inner { name, algorithm, secret })))
    }

    /// A key as `tsig-keygen` prints it (BIND's `key "NAME" { algorithm …; secret "…"; };`), or as
    /// `dig -y` takes it (`ALGORITHM:NAME:SECRET`).
    ///
    /// # Errors
    /// What is wrong with it, without a part of it.
    pub fn parse(text: &str) -> Result<Self, KeyFault> {
        let text = text.trim();
        let (algorithm, name, secret) =
            if text.starts_with("key") { clause(text) } else { colons(text) }
                .ok_or(KeyFault::Form)?;
        let algorithm = Algorithm::parse(algorithm).ok_or(KeyFault::Algorithm)?;
        let name = QueryName::from_text(name).ok_or(KeyFault::Name)?;
        let secret: zeroize::Zeroizing<Vec<u8>> =
            base64::decode::<Vec<u8>>(secret).map_err(|_| KeyFault::Secret)?.into();
        Self::new(name, algorithm, &secret)
    }

    /// The name by which both sides call it.
    #[must_use]
    pub fn name(&self) -> &QueryName {
        &self.0.name
    }

    /// Its algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    pub(super) fn context(&self) -> hmac::Context {
        hmac::Context::with_key(&self.0.secret)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} {})", self.0.algorithm.text(), self.0.name)
    }
}

fn colons(text: &str) -> Option<(&str, &str, &str)> {
    let mut parts = text.splitn(3, ':');
    Some((parts.next()?, parts.next()?, parts.next()?))
}

/// `key "NAME" { algorithm A; secret "S"; };`
fn clause(text: &str) -> Option<(&str, &str, &str)> {
    let (name, body) = text.strip_prefix("key")?.split_once('{')?;
    let (body, rest) = body.split_once('}')?;
    if !matches!(rest.trim(), "" | ";") {
        return None;
    }
    let (mut algorithm, mut secret) = (None, None);
    for statement in body.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
        let (word, value) = statement.split_once(char::is_whitespace)?;
        let to = match word {
            "algorithm" => &mut algorithm,
            "secret" => &mut secret,
            _ => return None,
        };
        *to = Some(unquoted(value));
    }
    Some((algorithm?, unquoted(name), secret?))
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

/// LIMIT: octets of the shortest secret that is taken; `tsig-keygen` draws 32 or 64.
const SHORTEST: usize = 16;
