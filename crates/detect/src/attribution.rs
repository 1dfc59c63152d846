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
            || self.in_trailer()
            || self.in_translation()
            || self.goes_on()
            || self.is_dated()
    }

    /// `Written by A, B and C.` opens a line; `.\" Modified 1993-07-24 by A` is a comment with a date.
    fn in_trailer(&self) -> bool {
        let line = self.line();
        let bare = line.trim_start_matches(|c: char| !c.is_alphanumeric());
        if SAID.iter().any(|said| bare.starts_with(said)) {
            // LIMIT: a longer line is prose.
            return line.len() < 160 && !ends_sentence(bare);
        }
        in_comment(line)
            && line.trim_end().ends_with(" by")
            && (has_year(line) || line.trim_start().starts_with(".\\\""))
    }

    /// A mailbox in a line below `Authors: A <a@…>`, or below others that are.
    fn goes_on(&self) -> bool {
        let mail = self.line().ends_with(['<', '(']) || self.rest().trim_start().starts_with('<');
        mail && self.before.rsplit('\n').skip(1).take_while(|line| line.contains('@')).any(opens)
    }

    /// `A <a@…>, 2002.` in a line of its own, and another such line beside it.
    fn is_dated(&self) -> bool {
        let dated = |line: &str| {
            line.rsplit_once(", ")
                .is_some_and(|(_, year)| is_year(year.trim_end_matches(['.', ','])))
        };
        let (line, rest) = (self.line(), self.rest());
        let (above, below) = (self.before.rsplit('\n').nth(1), self.after.split('\n').nth(1));
        dated(rest)
            && rest.len() < 60
            && line.len() < 60
            && (line.is_empty() || line.ends_with('<'))
            && (in_comment(line) || above.is_some_and(dated) || below.is_some_and(dated))
    }

    /// What manual pages and lists of references say of people: `.TH page 8 0.1 "A"`, a comment that
    /// is a name, `A,` above `.IR "Title"`, `A et al.`
    fn is_cited(&self) -> bool {
        let (line, rest) = (self.line(), self.rest());
        let title = |line: &str| line.starts_with(".ir \"") || line.starts_with(".i \"");
        line.starts_with(".th ")
            || line.starts_with("=item") && rest.trim_start().starts_with("e<lt>")
            || line.trim_end() == ".\\\"" && rest.trim().is_empty()
            || rest.ends_with(',')
                && rest.len() < 60
                && self.after.split('\n').nth(1).is_some_and(title)
            || rest.starts_with(" et al")
            || rest.starts_with(" and others (")
    }

    /// `Translated by`, `Traduction :`, `przetłumaczyli` and a name with its address or its year.
    fn in_translation(&self) -> bool {
        let near = self.before.ceil_char_boundary(self.before.len().saturating_sub(200));
        let near = self.before.get(near..).unwrap_or_default();
        let rest = self.rest().trim_start();
        let by = [" by", " von", " par", " por", " av", " przez", " door"];
        let signed = self.line().ends_with('<')
            || by.iter().any(|by| self.line().trim_end().ends_with(by))
            || rest.starts_with('<')
            || rest
                .strip_prefix(',')
                .is_some_and(|rest| is_year(rest.trim().trim_end_matches(['.', ','])));
        signed && TRANSLATED.iter().any(|stem| near.contains(stem))
    }

    /// `- A <a@…> @handle`, `A (@handle) <a@…>`, `"A <a@…> (https://…)"`: signed for the public.
    fn has_handle(&self) -> bool {
        let (line, rest) = (self.line().trim_end(), self.rest());
        let behind = rest.split_once('>').filter(|_| line.ends_with('<')).map(|(_, behind)| behind);
        let behind = behind.map(|behind| behind.trim_start().trim_start_matches(['(', '[', '`']));
        let linked = behind.is_some_and(|b| {
            b.starts_with("http")
                || b.strip_prefix('@').is_some_and(|name| name.starts_with(char::is_alphanumeric))
        });
        let handle = |word: &str| {
            word.strip_prefix("(@").is_some_and(|name| name.ends_with(')') && name.len() > 2)
        };
        let before = line.trim_end_matches('<').split_whitespace().next_back();
        // ` *  A <a@…>`: a comment's line with nothing else in it; `# a@…` below a notice.
        let alone = in_comment(line)
            && behind.is_some_and(|behind| {
                behind.trim_end_matches(['.', ',', '*', '/', ' ']).is_empty()
            })
            && line.split_whitespace().count() < 6;
        let bare = in_comment(self.line())
            && !self.line().contains(char::is_alphanumeric)
            && rest.trim().is_empty()
            && self.before.contains("copyright");
        linked || alone || bare || line.ends_with('<') && before.is_some_and(handle)
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
            // `A's implementation`, `a port of A's algorithm`: the work is public, and so is who made it.
            || possessive(&self.after).is_some_and(|mut words| words.any(|word| WORKS.contains(&word)))
            || self.follows_work()
            || matches!(behind.as_slice(), ["disclaims", ..] | ["makes", "no"])
    }

    /// `the crate by A`, `the [paper](https://…) by A`: as above. Anybody's report or letter is none.
    fn follows_work(&self) -> bool {
        const PUBLISHED: [&str; 8] = [
            "algorithm",
            "compiler",
            "crate",
            "fork",
            "implementation",
            "library",
            "paper",
            "parser",
        ];
        let Some(before) = self.before.trim_end().strip_suffix("by") else { return false };
        let before = match before.trim_end().rsplit_once("](") {
            // The address of a link.
            Some((named, address)) if address.trim_end().ends_with(')') => named,
            _ => before.trim_end().trim_end_matches(']'),
        };
        before.len() < self.before.len()
            && before
                .rsplit(|c: char| !c.is_alphanumeric())
                .find(|word| !word.is_empty())
                .is_some_and(|word| PUBLISHED.contains(&word))
    }

    /// `Written by A <a@…>`, `by A ([@a](https://…))`: the name's own public address stands behind.
    fn has_address(&self) -> bool {
        let rest = self.after.trim_start_matches([',', ' ', '\n', '*', '#', '/']);
        // `[A](https://…)`, `A) [#12](https://…)`
        let number = rest.strip_prefix(") [#").and_then(|rest| rest.split_once("]("));
        let rest = number.map_or(rest, |(_, address)| address);
        if number.is_some() {
            return rest.starts_with("http");
        }
        let rest = rest.strip_prefix(']').filter(|rest| rest.starts_with('(')).unwrap_or(rest);
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
        || around.has_handle()
}

/// Whether a person's name stands where software names an author.
pub(crate) fn names_person(text: &str, place: &Range<usize>) -> bool {
    let around = Around::of(text, place);
    let line = around.line();
    let credited = || {
        ON_LINE.iter().any(|opening| line.contains(opening))
            || line.trim_end().ends_with(" by")
            || line.trim_end().ends_with(" and")
            || line.ends_with('(')
            || in_comment(line)
            || line.trim_start_matches(|c: char| !c.is_alphanumeric()).is_empty()
    };
    around.structured()
        || around.is_cited()
        || around.in_licence()
        || around.has_address() && credited()
}

/// Whether a key opens a structure that holds an author: `author`, `contributors`.
pub(crate) fn is_author_key(key: &str) -> bool {
    KEYS.iter().any(|name| key.eq_ignore_ascii_case(name))
}

/// A comment's line in source code or in a manual page.
fn in_comment(line: &str) -> bool {
    let line = line.trim_start();
    // The last is `.\"` with its escapes undone.
    const MARKS: [&str; 9] = ["# ", "// ", "/* ", "* ", "; ", "% ", "-- ", ".\\\"", ".\" "];
    MARKS.iter().any(|mark| line.starts_with(mark))
}

/// Whether a sentence ends within: a full stop that stands behind no initial.
fn ends_sentence(line: &str) -> bool {
    line.match_indices(". ").any(|(at, _)| {
        let part = line.get(..at).unwrap_or_default();
        part.rsplit([' ', '.']).next().is_some_and(|word| word.chars().count() > 1)
    })
}

/// The words behind `'s`, as far as a work may stand there.
fn possessive(after: &str) -> Option<impl Iterator<Item = &str>> {
    let rest = after.strip_prefix("'s").or_else(|| after.strip_prefix("’s"))?;
    let end = rest.find(['.', ',', ';', ':', '(']).unwrap_or(rest.len());
    rest.get(..end).map(|rest| rest.split_whitespace().take(3))
}

fn has_year(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_digit()).any(is_year)
}

fn is_year(word: &str) -> bool {
    word.len() == 4 && (word.starts_with("19") || word.starts_with("20"))
}

/// A line that says no more than `Authors`: in a README, a comment, a manual page.
fn is_heading(line: &str) -> bool {
    let line = line.trim_start_matches(".\\\" ").trim_start_matches(".sh");
    let line = line.trim_start_matches(".ix header").trim_start_matches("=head1");
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

const KEYS: [&str; 16] = [
    "authors",
    "author",
    "maintainers",
    "maintainer",
    "contributors",
    "contributor",
    "contributers",
    "contributions",
    "contributions from",
    "emeritus",
    "upstream author",
    "upstream authors",
    "upstream contact",
    "upstream-contact",
    "original author",
    "original-author",
];

/// The same as headings of manual pages, in the languages of their translations.
const HEADINGS: [&str; 87] = [
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
    "autoři",
    "autora",
    "upphovsman",
    "upphovsmän",
    "forfattere",
    "yazar",
    "yazarlar",
    "çeviren",
    "çeviri",
    "аутор",
    "аутори",
    "автори",
    "перевод",
    "переводчик",
    "переклад",
    "tekijä",
    "tekijät",
    "kääntäjä",
    "kääntäjät",
    "szerző",
    "szerzők",
    "fordítás",
    "fordította",
    "auteur et copyright",
    "schrijver",
    "vertaling",
    "vertaler",
    "oversættelse",
    "oversetting",
    "překlad",
    "preklad",
    "prevod",
    "avtor",
    "avtorji",
    "traducători",
    "traducere",
    "traductor",
    "traductores",
    "traducteur",
    "traducteurs",
    "traduttore",
    "tradutor",
    "tradutores",
    "tłumacz",
    "tłumacze",
    "tłumaczenie",
    "t\\(/lumacze",
    "翻訳",
    "译者",
    "翻译",
    "譯者",
    "번역",
    "옮긴이",
    "pembuat",
    "penulis",
    "pengarang",
    "penterjemah",
    "references",
    "bibliography",
    "acknowledgements",
    "acknowledgments",
    "translators",
    "translator",
];

/// Openings of a line that name who made a program or a page.
const SAID: [&str; 10] = [
    "written by ",
    "originally written by ",
    "developed by ",
    "contributed by ",
    "contributions from: ",
    "maintained by ",
    "translated by ",
    "ported by ",
    "created by: ",
    "written by: ",
];

/// Stems of words for translating and revising one, in the languages of manual pages.
const TRANSLATED: [&str; 17] = [
    "translat",
    "traduc",
    "tradu\\(,c",
    "traduç",
    "traduz",
    "tradott",
    "revisione",
    "revisiones por",
    "revisado por",
    "übersetz",
    "vertaal",
    "översatt",
    "oversat",
    "tłumacz",
    "перев",
    "翻訳",
    "翻译",
];

/// What people are known for having made.
const WORKS: [&str; 14] = [
    "implementation",
    "algorithm",
    "library",
    "script",
    "parser",
    "port",
    "fork",
    "patch",
    "paper",
    "proof",
    "crate",
    "package",
    "compiler",
    "specification",
];

/// The last are macros of manual pages: a comment, a mailbox.
const ON_LINE: [&str; 24] = [
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
    "[maintainer](mailto:",
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
            "Written by Mike Parker, Julien Danjou, and others.",
            "Written by Mike Parker, Richard M. Stallman, and Julien Danjou.",
            ".\\\" Julien Danjou\n.\\\"\n",
            ".TH validlocale 8 0.1 \"Julien Danjou\" \"\"",
            "Julien Danjou,\n.IR \"An Extension of Format\"",
            "shown by Julien Danjou et al. in 2004",
            "Ariel Vardi <a@v.fr>, 2002.\nJulien Danjou, 2006.\n",
            "Diese Übersetzung wurde 2011 von Julien Danjou erstellt.",
            " * Authors: O Hartkopp <o@h.de>\n *          Julien Danjou <j@d.org>\n",
            "*   created by: Julien Danjou, updated by Rob Roe",
            ".\\\" Based on the pwdx(1) man page by Julien Danjou.",
            "=item Julien Danjou E<lt>j@d.orgE<gt>",
            "Contributions from: Ayush Singh, Julien Danjou",
            ".\\\" Modified 2002-07-27 by Julien Danjou\n.\\\"",
            "Traduction par Julien Danjou, 2006.\n",
            "przetłumaczyli:\nJulien Danjou <j@d.org>",
            "=head1 AUTHORS\n\nJulien Danjou wrote it",
            ".SH AUTOŘI\nJulien Danjou (j@d.org)",
            "is a port of Julien Danjou's C implementation",
            "found in the popular [`itoa`](https://x.org/itoa) crate by Julien Danjou.",
            "The PLDI'18 paper [*Fast conversion*][paper] by Julien Danjou\nincludes a proof",
            "the [library](https://x.org) by Julien Danjou",
            "brought to you by\n[Julien Danjou](https://jd.org).",
            "* doc: adjustments for new users (Julien Danjou) [#1919](https://github.com/x/y/pull/1919)",
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
            "Written by hand. Our customer Julien Danjou called",
            "please translate this for Julien Danjou",
            "Written by Dr. Roe. Patient Julien Danjou",
            "Julien Danjou, 2006.\nborn in Lyon",
            "Julien Danjou,\nRue de la Paix",
            "Julien Danjou's diagnosis is in the file",
            "Julien Danjou's salary. The implementation",
            "the patient (Julien Danjou) was seen",
            "admitted 2024 by Julien Danjou",
            "the complaint by Julien Danjou",
            "a [letter](https://x.org/crate) by Julien Danjou",
            "the papers were signed by Julien Danjou",
            "in the library, standby Julien Danjou",
        ] {
            assert!(!person(text, "Julien Danjou"), "{text}");
        }
    }
}
