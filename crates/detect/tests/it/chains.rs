//! Values below chains of up to four encodings, with the built-in packs and the limits of the gate.
//! The same chains are measured in number by `examples/chains`.

#[path = "../../examples/chains/look.rs"]
mod look;
#[path = "../../examples/chains/wrap.rs"]
mod wrap;

use look::{Fate, tries};
use wrap::{SECRETS, STANDARDS, TURNS, Wrap, wrapped};

/// Always the same ones; other seeds are measured by the example.
const SEED: u64 = 20_261_123;

/// LIMIT: brotli has no signature; below these two, which spell any bytes, it is not guessed.
fn is_known(chain: &[Wrap]) -> bool {
    chain.windows(2).any(|two| matches!(two, [Wrap::Brotli, Wrap::QuotedPrintable | Wrap::Base85]))
}

#[test]
fn values_below_chains_of_up_to_four_encodings_do_not_pass() {
    let all: Vec<usize> = (0..SECRETS.len()).collect();
    let list = tries(400, 4, &STANDARDS, &all, SEED);
    let named = list.iter().filter(|one| one.fate == Fate::Named).count();
    let passed: Vec<String> = list
        .iter()
        .filter(|one| one.fate == Fate::Passed && !is_known(&one.chain))
        .map(|one| {
            let start: String = String::from_utf8_lossy(&one.body).chars().take(200).collect();
            format!("{} {:?} {start}", SECRETS[one.secret].1, one.chain)
        })
        .collect();
    assert!(passed.is_empty(), "{}", passed.join("\n"));
    assert!(
        named * 100 >= list.len() * 80,
        "{named} of {} are found for what they are",
        list.len()
    );
}

#[test]
fn each_encoding_alone_and_each_below_each_is_undone() {
    let mut passed = Vec::new();
    for first in STANDARDS {
        for second in std::iter::once(None).chain(STANDARDS.map(Some)) {
            let chain: Vec<Wrap> = std::iter::once(first).chain(second).collect();
            for (secret, (text, entity)) in SECRETS.iter().enumerate().take(2) {
                // Not all bytes can be put into a text.
                if wrapped(text, &chain).is_some() {
                    let fate = look::fate(secret, &chain).map(|(fate, _)| fate);
                    if fate == Some(Fate::Passed) && !is_known(&chain) {
                        passed.push(format!("{entity} {chain:?}"));
                    }
                }
            }
        }
    }
    assert!(passed.is_empty(), "{}", passed.join("\n"));
}

#[test]
fn a_credential_that_was_turned_before_or_after_it_was_encoded_is_found() {
    let mut missed = Vec::new();
    for turn in TURNS {
        for encoding in [Wrap::Base64, Wrap::Base64Url, Wrap::Base32, Wrap::Hex] {
            for chain in [vec![turn], vec![turn, encoding], vec![encoding, turn]] {
                // Its letters are half of what hexadecimal has: it is no other hexadecimal then.
                if chain == [Wrap::Hex, Wrap::Rot13] {
                    continue;
                }
                let (fate, _) = look::fate(0, &chain).unwrap();
                if fate != Fate::Named {
                    missed.push((fate, chain));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}
