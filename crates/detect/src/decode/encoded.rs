//! `dlp.encoded`: long runs of base64 or hex, whatever they hold.
//!
//! Slugs, paths, identifiers and long words are no such runs, nor are rules and filler. Which fields
//! may hold encoded bytes is the policy's to say, by pointer. Next: `spread`.

use super::run::{Run, Shape};
use std::ops::Range;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// Base64 of either alphabet.
    Base64,
    /// Hexadecimal.
    Hex,
}

/// The shortest part of a run of several that counts: lines, not groups of digits.
const MIN_PART: usize = 16;

/// Whether a run is longer than `floor` characters and encoded by its looks; where the run stands.
pub(crate) fn encoded(run: &Run<'_>, floor: usize) -> Option<(Alphabet, Range<usize>)> {
    if run.digits.len() <= floor || run.part.is_some_and(|part| part < MIN_PART) {
        return None;
    }
    let shape = Shape::of(&run.digits);
    if shape.monotonous() || shape.word_like() {
        return None;
    }
    let alphabet = if shape.is_hex() { Alphabet::Hex } else { Alphabet::Base64 };
    Some((alphabet, run.span.clone()))
}

#[cfg(test)]
mod tests {
    use super::super::run::runs;
    use super::*;
    use ::base64::Engine;
    use ::base64::engine::general_purpose::STANDARD;

    fn judged(text: &str) -> Vec<Alphabet> {
        let mut found = Vec::new();
        runs(text.as_bytes(), &crate::mask::Ground::of(text.as_bytes()), |run| {
            found.extend(encoded(&run, 100).map(|(alphabet, _)| alphabet))
        });
        found
    }

    fn noise(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i * i * 31 + i * 7 + (i >> 3) * 13) as u8).collect()
    }

    #[test]
    fn more_than_the_floor_is_a_finding() {
        for (bytes, hits) in [(75, 0), (78, 1)] {
            assert_eq!(judged(&STANDARD.encode(noise(bytes))).len(), hits, "{bytes}");
        }
        let hex = |length| noise(length).iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(judged(&hex(50)), []);
        assert_eq!(judged(&hex(51)), [Alphabet::Hex]);
        assert_eq!(judged(&"3536904399".repeat(11)), [Alphabet::Hex]);
        let wrapped = STANDARD.encode(noise(150));
        let wrapped: Vec<&str> =
            wrapped.as_bytes().chunks(76).map(|l| str::from_utf8(l).unwrap()).collect();
        assert_eq!(judged(&wrapped.join("\r\n")), [Alphabet::Base64]);
    }

    #[test]
    fn words_are_exempt() {
        for text in [
            "how-to-write-a-very-long-slug-that-goes-on-and-on-until-nobody-reads-it-any-more-2024-edition-part-2-of-3",
            "/srv/projects/backstop/crates/detect/src/decode/a/rather/long/path/to/some/file/that/has/many/segments/mod",
            "a_very_long_snake_case_identifier_which_somebody_generated_from_a_sentence_and_nobody_ever_shortened_again",
            "AbstractSingletonProxyFactoryBeanWithAVeryLongNameThatGoesOnAndOnBecauseSomebodyLikedJavaALittleTooMuchIndeed",
            "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaftsmitgliederversammlungsprotokoll",
            "-------------------------------------------------------------------------------------------------------------",
            "=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=",
        ] {
            assert!(text.len() > 100);
            assert_eq!(judged(text), [], "{text}");
        }
    }
}
