//! Where software, a licence or a change log names people in public: copyright notices, lists of
//! authors, sign-offs, change logs.
//!
//! Such names and addresses were published to be copied, and a guard that stops every licence
//! header is soon switched off: a few of them in a text are noted and refuse nothing. How many is
//! for the callers (`mailbox`, `name`) to say; a list of people is no list of authors. Any other
//! attribute beside them (a telephone number, a street) still refuses.

use std::ops::Range;

/// The entity of packs whose notes are counted over a payload, because many of them refuse
/// (`inspect::authors`): they are looked for even where nobody asks for notes.
pub(crate) const COUNTED: &str = "EMAIL_ADDRESS";

/// LIMIT: bytes before a place in which the naming of authors may begin.
const LOOK_BACK: usize = 400;
/// LIMIT: bytes behind it that may tell what it is.
const LOOK_AHEAD: usize = 240;

/// What stands around a place, in small letters.
struct Around {
    before: String,
    after: String,
}

impl Around {
    fn of(text: &str, place: &Range<usize>) -> Self {
        let from = text.ceil_char_boundary(place.start.saturating_sub(LOOK_BACK));
        let to = text.floor_char_boundary(place.end.saturating_add(LOOK_AHEAD).min(text.len()));
        Self {
            before: text.get(from..place.start).unwrap_or_default().to_lowercase(),
            after: text.get(place.end..to).unwrap_or_default().to_lowercase(),
        }
    }
    /// What stands before it in its line.
    fn line(&self) -> &str {
        self.before.rsplit('\n').next().unwrap_or_default()
    }
    /// What stands behind it in its line.
    fn rest(&self) -> &str {
        self.after.split('\n').next().unwrap_or_default()
    }
    /// What both have in common: structures that hold nothing but authors.
    fn structured(&self) -> bool {
        opens(self.line())
            || self.before.lines().any(is_heading)
            || self.in_list()
            || self.in_change_log()
            || self.in_notice()
    }

    /// `authors = [ "A <a@…>", "B <b@…>"`, `"author": { "name": "A", "email": "a@…"`
    fn in_list(&self) -> bool {
        [('[', ']'), ('{', '}')].into_iter().any(|(open, close)| {
            self.before.match_indices(open).any(|(at, _)| {
                let (key, list) = (self.before.get(..at), self.before.get(at + open.len_utf8()..));
                let key = key.unwrap_or_default().trim_end().trim_end_matches(['=', ':']);
                let key = key.trim_end().trim_end_matches('"');
                !list.unwrap_or_default().contains(close)
                    && KEYS.iter().any(|name| key.ends_with(name))
            })
        })
    }

    /// ` -- A <a@…>  Mon, 1 Jan`, `  [ A ]`, `2021-11-18  A  <a@…>`
    fn in_change_log(&self) -> bool {
        let (line, rest) = (self.line(), self.rest());
        let mail = || {
            let angle = line.ends_with('<') || rest.trim_start().starts_with('<');
            angle && (rest.contains('@') || rest.starts_with('>'))
        };
        let dated = |line: &str| {
            let date: Vec<&str> = line.get(..10).unwrap_or_default().split('-').collect();
            date.len() == 3
                && date.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
                && line.get(10..).is_some_and(|rest| rest.starts_with([' ', '\t']))
        };
        (line.trim_start().starts_with("-- ") || dated(line)) && mail()
            || line.trim() == "[" && rest.trim() == "]"
    }

    /// A notice of copyright with its year, and the lines that go on with it.
    fn in_notice(&self) -> bool {
        const NOTICES: [&str; 4] = ["copyright", "(c)", "©", "spdx"];
        let notice = |text: &str| NOTICES.iter().any(|notice| text.contains(notice));
        let (line, rest) = (self.line(), self.rest());
        if notice(line) {
            // LIMIT: a longer line is no notice.
            return line.len() + rest.len() < 300 && (has_year(line) || has_year(rest));
        }
        let bare = line.trim_start_matches(|c: char| !c.is_alphanumeric());
        let years = bare.trim_end_matches([' ', '\t', ',']);
        let only_years = years.len() >= 4
            && years
                .chars()
                .all(|c| c.is_ascii_digit() || matches!(c, ' ' | ',' | '-' | '–' | '+'))
            && has_year(years);
        // ` 2001-2007, A <a@…>` below `Copyright:`
        let begins = bare.split([',', ' ', '-', '–']).next().is_some_and(is_year);
        (only_years || begins && line.ends_with('<'))
            && (notice(&self.before) || notice(&self.after) || self.after.contains("license"))
    }

    /// What licences say of people: `Neither the name of A nor`, `IN NO EVENT SHALL A BE LIABLE`.
    fn in_licence(&self) -> bool {
        let near = self.before.ceil_char_boundary(self.before.len().saturating_sub(80));
        let near = self.before.get(near..).unwrap_or_default();
        let said = ["the name of ", "the names of ", "event shall ", "authorization from "];
        let spaced = near.replace('\n', " ");
        let behind = self.after.split_whitespace().take(2).collect::<Vec<_>>();
        said.iter().any(|said| spaced.contains(said))
            || matches!(behind.as_slice(), ["disclaims", ..] | ["makes", "no"])
    }

    /// `Written by A <a@…>`, `by A ([@a](https://…))`: the name's own public address stands behind.
    fn has_address(&self) -> bool {
        let rest = self.after.trim_start_matches([',', ' ', '\n', '*', '#', '/']);
        let inner = rest.trim_start_matches(['<', '(', '[', '`']);
        inner.len() < rest.len()
            && inner.split(['>', ')', ']']).next().is_some_and(|address| {
                address.len() < 80 && (address.contains('@') || address.starts_with("http"))
            })
    }
}

/// Whether an e-mail address stands where software names an author.
pub(crate) fn names_address(text: &str, place: &Range<usize>) -> bool {
    let around = Around::of(text, place);
    let line = around.line();
    ON_LINE.iter().any(|opening| line.contains(opening))
        || in_comment(line) && line.contains("by ")
        || around.structured()
}

/// Whether a person's name stands where software names an author.
pub(crate) fn names_person(text: &str, place: &Range<usize>) -> bool {
    let around = Around::of(text, place);
    let line = around.line();
    let credited = || {
        ON_LINE.iter().any(|opening| line.contains(opening))
            || line.trim_end().ends_with(" by")
            || line.trim_end().ends_with(" and")
            || in_comment(line)
            || line.trim_start_matches(|c: char| !c.is_alphanumeric()).is_empty()
    };
    around.structured() || around.in_licence() || around.has_address() && credited()
}

/// Whether a key opens a structure that holds an author: `author`, `contributors`.
pub(crate) fn is_author_key(key: &str) -> bool {
    KEYS.iter().any(|name| key.eq_ignore_ascii_case(name))
}

/// A comment's line in source code or in a manual page.
fn in_comment(line: &str) -> bool {
    let line = line.trim_start();
    ["# ", "// ", "/* ", "* ", "; ", "% ", "-- ", ".\\\""].iter().any(|mark| line.starts_with(mark))
}

fn has_year(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_digit()).any(is_year)
}

fn is_year(word: &str) -> bool {
    word.len() == 4 && (word.starts_with("19") || word.starts_with("20"))
}

/// A line that says no more than `Authors`: in a README, a comment, a manual page.
fn is_heading(line: &str) -> bool {
    let line = line.trim_start_matches(".sh").trim_start_matches(".ix header");
    let line = line.trim_matches(|c: char| !c.is_alphabetic());
    KEYS.contains(&line) || HEADINGS.contains(&line)
}

/// `author = `, `"author": `, `<author>`, `__author__ = `, `# Author: `, `Author-email: `.
fn opens(line: &str) -> bool {
    KEYS.iter().any(|name| {
        line.match_indices(name).any(|(at, _)| {
            let head = line.get(..at).unwrap_or_default();
            let rest = line.get(at + name.len()..).unwrap_or_default();
            let rest = rest.trim_start_matches("-email").trim_start_matches("_email");
            let rest = rest.trim_start_matches("__");
            let rest = rest.trim_start_matches(['"', '\'', ')']).trim_start();
            !head.contains(char::is_alphanumeric) && rest.starts_with(['=', ':', '>'])
        })
    })
}

const KEYS: [&str; 12] = [
    "authors",
    "author",
    "maintainers",
    "maintainer",
    "contributors",
    "contributor",
    "upstream author",
    "upstream authors",
    "upstream contact",
    "upstream-contact",
    "original author",
    "original-author",
];

/// The same as headings of manual pages, in the languages of their translations.
const HEADINGS: [&str; 24] = [
    "autor",
    "autore",
    "autori",
    "autoren",
    "autores",
    "auteur",
    "auteurs",
    "autorzy",
    "författare",
    "forfatter",
    "автор",
    "авторы",
    "作者",
    "著者",
    "저자",
    "translation",
    "traduction",
    "traduzione",
    "traducción",
    "tradução",
    "übersetzung",
    "översättning",
    "翻訳者",
    "credits",
];

/// The last are macros of manual pages: a comment, a mailbox.
const ON_LINE: [&str; 23] = [
    "copyright",
    "(c) 1",
    "(c) 2",
    "©",
    "written by",
    "maintained by",
    "signed-off-by:",
    "co-authored-by:",
    "reviewed-by:",
    "reported-by:",
    "@author ",
    "module author",
    "contributed by",
    "bugs to",
    "bug reports to",
    "report bugs",
    "translated by",
    "modified by",
    "updated by",
    "thanks to",
    "manpage by",
    ".\\\"",
    ".mt ",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn person(text: &str, name: &str) -> bool {
        let at = text.find(name).unwrap();
        names_person(text, &(at..at + name.len()))
    }

    #[test]
    fn people_whom_software_names() {
        for text in [
            "# Copyright 2016 Julien Danjou",
            "Copyright: 2000 X11 Team\n   2001-2007, Julien Danjou\n   2008 Other\nLicense: MIT",
            " * Copyright (C) Julien Danjou, IBM Corp. 2006",
            "authors = [\"Julien Danjou <j@d.org>\"]",
            "\"author\": {\n  \"name\": \"Julien Danjou\",",
            "  \"contributors\": [\n    {\"name\": \"X\"},\n {\"name\": \"Julien Danjou\"",
            " * Authors:\n *   Julien Danjou (j@d.org)",
            ".SH AUTEUR\nJulien Danjou",
            "  * Fix it.\n\n -- Julien Danjou <j@d.org>  Wed, 22 Apr 2020 10:00:00 +0000",
            "  [ Julien Danjou ]\n  * New upstream version.",
            "2021-11-18  Julien Danjou  <j@d.org>\n\n\tUpdate",
            "Neither the name of Julien Danjou nor the names of",
            "written prior permission.  Julien Danjou makes no\nrepresentations",
            "IN NO EVENT SHALL Julien Danjou BE LIABLE FOR ANY",
            "# inspired by code by Julien Danjou <j@d.org>",
            "designed and implemented by Julien Danjou ([`@jd`](https://github.com/jd)).",
        ] {
            assert!(person(text, "Julien Danjou"), "{text}");
        }
        for text in [
            "a book written by Julien Danjou",
            "the author asked Julien Danjou to call",
            "Copyright law was explained by Julien Danjou",
            "Our customer Julien Danjou <j@d.org> has not paid",
            "2021-11-18 Julien Danjou called",
            "authors = [\"A\"]\ncustomers = [\"Julien Danjou\"]",
            "customer: Julien Danjou",
            "[ Julien Danjou, 1 Street ]",
        ] {
            assert!(!person(text, "Julien Danjou"), "{text}");
        }
    }
}
