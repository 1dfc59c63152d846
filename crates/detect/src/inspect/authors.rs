//! How many authors a payload may name: what one text is spared (`attribution`) is not spared to
//! each of its fields again. Next: `fields`.

use super::inspection::{Inspection, Site};
use crate::attribution::{COUNTED, is_author_key, names_person};
use crate::hit::Hit;
use crate::mailbox::{SPARED, personal_email};
use crate::name::merge::AUTHORS;
use crate::pack::Acts;
use crate::validate::Verdict;
use std::collections::HashSet;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Addresses and names that were noted as those of authors, by hash: one that is named again is no
/// further author.
#[derive(Default)]
pub(super) struct Authors {
    addresses: HashSet<u64>,
    people: HashSet<u64>,
    /// Addresses that a field shows as they are written, and that refused nothing there.
    pub(super) written: HashSet<u64>,
}

/// The key above a field that says that an author's address stands in it:
/// `{"author": {"email": …}}`.
pub(super) fn author_above<'s>(text: &str, site: &Site<'s>) -> Option<&'s str> {
    let above = site.path.outer_key().filter(|_| text.contains('@'))?;
    (site.path.key() == site.key && is_author_key(above)).then_some(above)
}

impl Inspection<'_> {
    /// Lets a note of an author refuse when there are too many in the payload.
    pub(super) fn count_authors(&mut self, hit: &mut Hit, text: &str) {
        if hit.acts != Acts::Note {
            return;
        }
        let Some(value) = text.get(hit.span.clone()) else { return };
        let many = match &*hit.entity {
            COUNTED if personal_email(value) == Verdict::Valid => {
                self.authors.addresses.insert(self.hasher.hash_one(value));
                self.authors.addresses.len() > SPARED
            }
            "PERSON" if value.contains(' ') && names_person(text, &hit.span) => {
                self.authors.people.insert(self.hasher.hash_one(value));
                self.authors.people.len() > AUTHORS
            }
            _ => false,
        };
        if many {
            hit.acts = Acts::Block;
            hit.level = Some(Arc::from("confidential"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::detectors::Detectors;
    use crate::inspect::tests::inspect_by;
    use crate::inspect::{Inspector, Looks, Media};
    use crate::pack::Acts;
    use crate::score::Score;

    /// How many findings of addresses refuse.
    fn refused(body: &str) -> usize {
        let inspector = Inspector::new(Detectors::builtin());
        let report = inspect_by(&inspector, Media::Json, body.as_bytes(), &Looks::default());
        let hits = report.found.iter().map(|found| &found.hit);
        hits.filter(|hit| hit.acts == Acts::Block && hit.score >= Score::VERDICT).count()
    }

    #[test]
    fn the_key_above_says_that_it_is_an_author() {
        for body in [
            r#"{"name": "left-pad", "author": {"email": "azer@roman.media.com"}}"#,
            r#"{"contributors": [{"email": "azer@roman.media.com", "url": "x"}]}"#,
            r#"{"author": "azer@roman.media.com"}"#,
        ] {
            assert_eq!(refused(body), 0, "{body}");
        }
        for body in [
            r#"{"customer": {"email": "azer@roman.media.com"}}"#,
            r#"{"author": {"customer": {"email": "azer@roman.media.com"}}}"#,
            r#"{"email": "azer@roman.media.com"}"#,
        ] {
            assert_eq!(refused(body), 1, "{body}");
        }
    }

    #[test]
    fn an_author_stays_one_with_escapes_undone() {
        let page =
            ".\\\" Modified 1993 by Rik Faith (faith@acme-corp.com)\n.TH ram 4\n\\fBram\\fP\\ \\&x";
        assert_eq!(refused(&serde_json::json!({ "page": page }).to_string()), 0);
        let hidden =
            ".\\\" Modified 1993 by Rik Faith (faith@acme-corp.com) \\x6aane\\x40acme-corp.com";
        assert_eq!(refused(&serde_json::json!({ "page": hidden }).to_string()), 1);
    }

    #[test]
    fn many_authors_in_fields_of_their_own_refuse() {
        let list = |one: fn(usize) -> String| (0..40).map(one).collect::<Vec<_>>().join(",");
        let strings = list(|n| format!("\"jane.roe{n}@acme-corp.com\""));
        let objects = list(|n| format!("{{\"email\": \"jane.roe{n}@acme-corp.com\"}}"));
        let said = list(|n| format!("\"Author: jane.roe{n}@acme-corp.com\""));
        for body in [
            format!("{{\"authors\": [{strings}]}}"),
            format!("{{\"contributors\": [{objects}]}}"),
            format!("{{\"notes\": [{said}]}}"),
        ] {
            assert!(refused(&body) > 0, "{body}");
        }
        let same = list(|_| "{\"email\": \"jane.roe@acme-corp.com\"}".to_owned());
        assert_eq!(refused(&format!("{{\"authors\": [{same}]}}")), 0, "one author, named often");
    }
}
