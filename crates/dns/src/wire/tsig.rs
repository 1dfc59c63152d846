//! Signed messages (TSIG, RFC 8945): whoever shares a secret with us can be told from all others,
//! and nothing of what it says can be changed on the way. Must not know sockets and clocks: the
//! time is handed in. Next: `query`.
//!
//! ```text
//!  who asks     key.sign(&mut query)  ─▶ Checker ─▶ check(each answer) … complete()
//!  who answers  verify(query, keys)   ─▶ Signed { message, signer } ─▶ signer.sign(each answer)
//!                                     └▶ Denied ─▶ seal(the refusal)
//! ```
//! Transfers are many messages; the first answer is signed together with the question's MAC, each
//! further one with the MAC before it, so that none can be left out, repeated or moved
//! (RFC 8945 §5.3.1).

mod key;
mod record;

pub use key::{Algorithm, Key, KeyFault};

use backstop_model::name::QueryName;
use record::{Found, Tail};

/// Why a message is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It cannot be read, or its signature does not stand alone at its end.
    #[error("the message is malformed")]
    Malformed,
    /// No such key, or another algorithm of it.
    #[error("signed with a key that is not known here")]
    Key,
    /// The signature is not that of the message.
    #[error("the signature does not fit")]
    Signature,
    /// Signed too long ago, or in the future.
    #[error("signed at another time: one of the clocks is wrong, or the message is an old one")]
    Time,
    /// A part of a MAC. RFC 8945 §5.2.2.1 lets one ask for the whole.
    #[error("the signature is cut short")]
    Truncated,
    /// No signature where there must be one.
    #[error("the message is not signed")]
    Unsigned,
    /// The other side says that it does not believe us: BADSIG, BADKEY, BADTIME or BADTRUNC.
    #[error("the other side does not take our signature (TSIG error {0})")]
    Told(u16),
}

/// A query whose signature fits.
#[derive(Debug)]
pub struct Signed {
    /// The query as it was before it was signed.
    pub message: Vec<u8>,
    /// Who signed it.
    pub key: Key,
    /// Its MAC: the same one twice is the same message sent again.
    pub mac: Vec<u8>,
    /// Signs the answers to it.
    pub signer: Signer,
}

/// Whether a message says that it is signed: then it is no question of an agent.
#[must_use]
pub fn is_signed(message: &[u8]) -> bool {
    matches!(record::find(message), Ok(Some(_)))
}

/// Reads a query and its signature; `Ok(None)` if it has none. `now` is in seconds since 1970.
///
/// # Errors
/// [`Denied`]: what is wrong, and how to say so.
pub fn verify(message: &[u8], keys: &[Key], now: u64) -> Result<Option<Signed>, Denied> {
    let bare = |fault| Denied { fault, asked: None };
    let Some(found) = record::find(message).map_err(|_| bare(Fault::Malformed))? else {
        return Ok(None);
    };
    let asked = |key| {
        let (name, algorithm) = (found.key.clone(), found.algorithm.clone());
        let (time, original) = (found.tail.time, found.original);
        let mac = found.mac.to_vec();
        Some(Box::new(Asked { name, algorithm, time, original, key, mac }))
    };
    let key = keys.iter().find(|key| fits(key, &found));
    let Some(key) = key else { return Err(Denied { fault: Fault::Key, asked: asked(None) }) };
    let plain = record::without(message, &found);
    let mut context = key.context();
    context.update(&plain);
    context.update(&found.tail.variables(key.name(), key.algorithm()));
    if let Err(fault) = same(key, &found, context) {
        // What is only cut short is said in a signed answer; what does not fit is not.
        let known = (fault == Fault::Truncated).then(|| key.clone());
        return Err(Denied { fault, asked: asked(known) });
    }
    if !timely(&found.tail, now) {
        return Err(Denied { fault: Fault::Time, asked: asked(Some(key.clone())) });
    }
    let mac = found.mac.to_vec();
    let signer = Signer { key: key.clone(), prior: mac.clone(), first: true };
    Ok(Some(Signed { message: plain, key: key.clone(), mac, signer }))
}

/// A query whose signature is not believed.
#[derive(Debug)]
pub struct Denied {
    fault: Fault,
    asked: Option<Box<Asked>>,
}

#[derive(Debug)]
struct Asked {
    name: QueryName,
    algorithm: QueryName,
    time: u64,
    original: [u8; 2],
    /// Where the answer is to be signed.
    key: Option<Key>,
    mac: Vec<u8>,
}

impl Denied {
    /// Why.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// The response code that goes with it: FORMERR or NOTAUTH.
    #[must_use]
    pub const fn rcode(&self) -> u8 {
        match self.fault {
            Fault::Malformed => 1,
            Fault::Key
            | Fault::Signature
            | Fault::Time
            | Fault::Truncated
            | Fault::Unsigned
            | Fault::Told(_) => 9,
        }
    }

    /// Appends what RFC 8945 §5.3.2 wants said in the refusal: signed where the key is known and
    /// was used rightly, otherwise not.
    pub fn seal(&self, answer: &mut Vec<u8>, now: u64) {
        let Some(asked) = &self.asked else { return };
        let (error, other) = match self.fault {
            Fault::Malformed | Fault::Unsigned => return,
            Fault::Signature => (16, Vec::new()),
            Fault::Key => (17, Vec::new()),
            Fault::Time => (18, now.to_be_bytes().get(2..).unwrap_or_default().to_vec()),
            Fault::Truncated => (22, Vec::new()),
            Fault::Told(code) => (code, Vec::new()),
        };
        // A wrong time is answered under that time, so that the client can check it.
        let time = if self.fault == Fault::Time { asked.time } else { now };
        let tail = Tail { time, fudge: FUDGE, error, other: &other };
        let mut mac = Vec::new();
        if let Some(key) = &asked.key {
            let mut context = begun(key, &asked.mac);
            context.update(answer);
            context.update(&tail.variables(key.name(), key.algorithm()));
            mac = context.sign().as_ref().to_vec();
        }
        record::append(answer, &asked.name, asked.algorithm.as_wire(), &tail, &mac, asked.original);
    }
}

/// Signs the answers to one query, in the order in which they are sent.
#[derive(Debug, Clone)]
pub struct Signer {
    key: Key,
    prior: Vec<u8>,
    first: bool,
}

impl Signer {
    /// Signs the next answer, which must be whole: header, records, OPT.
    pub fn sign(&mut self, answer: &mut Vec<u8>, now: u64) {
        let tail = Tail { time: now, fudge: FUDGE, error: 0, other: &[] };
        let mut context = begun(&self.key, &self.prior);
        context.update(answer);
        context.update(&signed_part(&tail, &self.key, self.first));
        self.prior = context.sign().as_ref().to_vec();
        self.first = false;
        attach(answer, &self.key, &tail, &self.prior);
    }

    /// Octets by which [`Signer::sign`] makes an answer longer.
    #[must_use]
    pub fn length(&self) -> usize {
        let algorithm = self.key.algorithm();
        self.key.name().as_wire().len() + 10 + algorithm.wire().len() + 16 + algorithm.length()
    }
}

impl Key {
    /// Signs a query (or NOTIFY), which must be whole, and gives what checks the answers to it.
    pub fn sign(&self, query: &mut Vec<u8>, now: u64) -> Checker {
        let tail = Tail { time: now, fudge: FUDGE, error: 0, other: &[] };
        let mut context = self.context();
        context.update(query);
        context.update(&tail.variables(self.name(), self.algorithm()));
        let mac = context.sign().as_ref().to_vec();
        attach(query, self, &tail, &mac);
        let context = begun(self, &mac);
        Checker { key: self.clone(), context, state: State::First }
    }
}

/// Checks the answers to one query, in the order in which they come.
#[derive(Clone)]
pub struct Checker {
    key: Key,
    /// The MAC before, and what came since without one.
    context: aws_lc_rs::hmac::Context,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    First,
    /// So many since the last signed one.
    Unsigned(u32),
}

impl Checker {
    /// The next answer without its signature. One that has none is let through between two that
    /// have: what it says may be used only when [`Checker::complete`] holds after it.
    ///
    /// # Errors
    /// Why it is not believed; nothing of the whole exchange may be used then.
    pub fn check(&mut self, answer: &[u8], now: u64) -> Result<Vec<u8>, Fault> {
        let Some(found) = record::find(answer).map_err(|_| Fault::Malformed)? else {
            return match self.state {
                State::First => Err(Fault::Unsigned),
                State::Unsigned(since) if since >= UNSIGNED => Err(Fault::Unsigned),
                State::Unsigned(since) => {
                    self.state = State::Unsigned(since + 1);
                    self.context.update(answer);
                    Ok(answer.to_vec())
                }
            };
        };
        if !fits(&self.key, &found) {
            return Err(Fault::Key);
        }
        if found.mac.is_empty() && found.tail.error != 0 {
            // BADKEY and BADSIG come without a signature; a failure is all that they can bring.
            return Err(Fault::Told(found.tail.error));
        }
        let plain = record::without(answer, &found);
        let mut context = self.context.clone();
        context.update(&plain);
        context.update(&signed_part(&found.tail, &self.key, self.state == State::First));
        same(&self.key, &found, context)?;
        if found.tail.error != 0 {
            return Err(Fault::Told(found.tail.error));
        }
        if !timely(&found.tail, now) {
            return Err(Fault::Time);
        }
        self.context = begun(&self.key, found.mac);
        self.state = State::Unsigned(0);
        Ok(plain)
    }

    /// Whether all that came so far is covered by a signature. The last answer must be signed.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.state == State::Unsigned(0)
    }
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Checker({:?}, {:?})", self.key, self.state)
    }
}

fn fits(key: &Key, found: &Found<'_>) -> bool {
    *key.name() == found.key && key.algorithm().wire() == found.algorithm.as_wire()
}

/// A digest that begins with the MAC before (RFC 8945 §4.3.1).
fn begun(key: &Key, prior: &[u8]) -> aws_lc_rs::hmac::Context {
    let mut context = key.context();
    context.update(&u16::try_from(prior.len()).unwrap_or(u16::MAX).to_be_bytes());
    context.update(prior);
    context
}

/// What of the record is signed: all in the first answer, the times in those behind it.
fn signed_part(tail: &Tail<'_>, key: &Key, first: bool) -> Vec<u8> {
    if first { tail.variables(key.name(), key.algorithm()) } else { tail.timers().to_vec() }
}

fn attach(message: &mut Vec<u8>, key: &Key, tail: &Tail<'_>, mac: &[u8]) {
    let original = message.first_chunk::<2>().copied().unwrap_or_default();
    record::append(message, key.name(), key.algorithm().wire(), tail, mac, original);
}

/// In constant time. A shorter MAC is judged too, so that only those who know the key hear that it
/// is too short; below the bound of RFC 8945 §5.2.2.1 it is malformed.
fn same(key: &Key, found: &Found<'_>, context: aws_lc_rs::hmac::Context) -> Result<(), Fault> {
    let whole = key.algorithm().length();
    let given = found.mac.len();
    if given > whole {
        return Err(Fault::Malformed);
    }
    if given < (whole / 2).max(10) {
        return Err(if given == 0 { Fault::Signature } else { Fault::Malformed });
    }
    let tag = context.sign();
    let ours = tag.as_ref().get(..given).ok_or(Fault::Signature)?;
    aws_lc_rs::constant_time::verify_slices_are_equal(ours, found.mac)
        .map_err(|_| Fault::Signature)?;
    if given < whole { Err(Fault::Truncated) } else { Ok(()) }
}

/// LIMIT: the sender says how far clocks may be apart, but not more than [`FUDGE`].
fn timely(tail: &Tail<'_>, now: u64) -> bool {
    tail.time.abs_diff(now) <= u64::from(tail.fudge.min(FUDGE))
}

/// Seconds by which clocks may be apart (RFC 8945 §10).
const FUDGE: u16 = 300;
/// LIMIT: answers without a signature between two that have one (RFC 8945 §5.3.1).
const UNSIGNED: u32 = 99;

#[cfg(test)]
mod tests;
