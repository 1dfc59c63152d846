//! What comes of a hidden value. Next: back to `main`.

use super::wrap::{Dice, SECRETS, Wrap, chain, wrapped};
use backstop_detect::{
    Acts, Coding, Detectors, Inspector, Looks, Media, Outcome, Payload, Scratch,
};

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// Found for what it is.
    Named,
    /// Refused for something else: another entity, an encoded run, a limit, what cannot be read.
    Refused,
    /// Not seen.
    Passed,
}

/// One hidden value.
pub(crate) struct Try {
    pub(crate) secret: usize,
    pub(crate) chain: Vec<Wrap>,
    pub(crate) body: Vec<u8>,
    pub(crate) fate: Fate,
}

/// Hides `count` values, each in a chain of one to `most`, and looks as the gate does.
pub(crate) fn tries(
    count: usize,
    most: usize,
    wraps: &[Wrap],
    secrets: &[usize],
    seed: u64,
) -> Vec<Try> {
    let (mut dice, mut list) = (Dice(seed), Vec::with_capacity(count));
    while list.len() < count {
        let Some(&secret) = secrets.get(dice.below(secrets.len())) else { break };
        let chain = chain(wraps, most, &mut dice);
        // Not every chain is one: text cannot be made of all bytes.
        let Some((fate, body)) = fate(secret, &chain) else { continue };
        list.push(Try { secret, chain, body, fate });
    }
    list
}

/// What becomes of one value below one chain, and the body that carried it.
pub(crate) fn fate(secret: usize, chain: &[Wrap]) -> Option<(Fate, Vec<u8>)> {
    let (text, entity) = SECRETS.get(secret)?;
    let hidden = wrapped(text, chain)?;
    // What is no text goes as a body of its own, all else as a field of a call.
    let (body, media) = match str::from_utf8(&hidden) {
        Ok(text) => (serde_json::json!({ "note": text }).to_string().into_bytes(), Media::Json),
        Err(_) => (hidden, Media::Opaque),
    };
    let inspector = Inspector::new(Detectors::builtin());
    let payload = Payload { bytes: &body, media, coding: Coding::Identity, at: "" };
    let report = inspector.inspect(payload, &Looks::default(), &mut Scratch::default());
    let refusing = || report.found.iter().filter(|found| found.hit.acts == Acts::Block);
    let fate = if refusing().any(|found| &*found.hit.entity == *entity) {
        Fate::Named
    } else if refusing().next().is_some() || report.outcome != Outcome::Complete {
        Fate::Refused
    } else {
        Fate::Passed
    };
    Some((fate, body))
}
