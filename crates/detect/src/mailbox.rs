//! E-mail addresses: where they stand in a text, whether they can exist, and whose they are.
//!
//! A person's address refuses. Noted only are those of lists, roles and machines, of documents'
//! example domains, and a few with which software names its authors (`Copyright … <…>`,
//! `authors = ["… <…>"]`): they were published to be copied, and a guard that stops every licence
//! header is soon switched off. Knows no DNS and asks no network. Next: `attribution`.

use crate::attribution::names_address;
use crate::engine::Candidate;
use crate::score::Score;
use crate::validate::Verdict;
use std::ops::Range;
use std::sync::LazyLock;

/// LIMIT: authors' addresses that one text, or all fields of a payload, may hold before they refuse like any other.
pub(crate) const SPARED: usize = 8;
/// RFC 5321 section 4.5.3.1.
const LONGEST_LOCAL: usize = 64;
const LONGEST_DOMAIN: usize = 253;

/// Finds every address that can exist.
pub(crate) fn find_any(text: &str, found: &mut Vec<Candidate>) {
    each(text, |span| found.push(candidate(span)));
}

/// Finds addresses that refuse: all but those of a few authors.
pub(crate) fn find_refused(text: &str, found: &mut Vec<Candidate>) {
    let mut asked = 0;
    each(text, |span| {
        // What is asked is bounded too: looking back costs more than finding.
        asked += usize::from(asked <= SPARED);
        if asked > SPARED || !(names_address(text, &span) || escaped_nobody(text, &span)) {
            found.push(candidate(span));
        }
    });
}

/// `test\-user@gmail.com`: a manual page's hyphen, of which the local part knows only the rest.
fn escaped_nobody(text: &str, span: &Range<usize>) -> bool {
    let before = text.get(..span.start).unwrap_or_default();
    let Some(first) = before.strip_suffix("\\-") else { return false };
    let first = first.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let rest = text.get(span.clone()).unwrap_or_default().split('@').next().unwrap_or_default();
    // What stands right before it may be a font's name: `\\f5test\\-user@…`.
    NOBODY.iter().any(|name| {
        name.split_once('-').is_some_and(|(head, tail)| tail == rest && first.ends_with(head))
    })
}

fn candidate(span: Range<usize>) -> Candidate {
    Candidate { span, score: Score::VERDICT }
}

/// Calls with each address.
fn each(text: &str, mut call: impl FnMut(Range<usize>)) {
    for (at, _) in text.match_indices('@') {
        let (before, after) =
            (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
        if let Some(start) = local(before)
            && let Some(length) = domain(after)
            && let start = start + font(before, start)
            && !is_user_of_url(before.get(..start).unwrap_or_default())
        {
            call(start..at + 1 + length);
        }
    }
}

/// Where the local part starts that ends with this text.
fn local(before: &str) -> Option<usize> {
    let mut start = before.len();
    for (count, (at, c)) in before.char_indices().rev().enumerate() {
        let allowed = if c.is_ascii() {
            c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '\'' | '-')
        } else {
            c.is_alphanumeric()
        };
        if !allowed {
            break;
        }
        if count == LONGEST_LOCAL {
            return None;
        }
        start = at;
    }
    let local = before.get(start..)?;
    let front = local.trim_start_matches(['.', '\'', '-', '%']);
    let clean = !front.is_empty() && !front.ends_with(['.', '\'']) && !front.contains("..");
    clean.then(|| start + local.len() - front.len())
}

/// The length of a font's name that a manual page has glued to the local part: `\fIjane@corp.com`.
fn font(before: &str, start: usize) -> usize {
    let (head, local) = before.split_at_checked(start).unwrap_or_default();
    const FONTS: [&str; 9] = ["fI", "fB", "fR", "fP", "f1", "f2", "f3", "f4", "f5"];
    let named = FONTS.iter().any(|font| local.starts_with(font));
    if head.ends_with('\\') && named && local.len() > 2 { 2 } else { 0 }
}

/// The length of the domain with which this text begins: as many labels as can be one.
fn domain(after: &str) -> Option<usize> {
    let allowed = |c: char| c == '.' || c == '-' || c.is_alphanumeric();
    let length = after.char_indices().take(LONGEST_DOMAIN + 1).find(|(_, c)| !allowed(*c));
    let length = length.map_or_else(|| after.floor_char_boundary(LONGEST_DOMAIN + 1), |(at, _)| at);
    let mut domain = after.get(..length)?;
    // `x@corp.com.Then` and `x@corp.com-today` hold an address that ends sooner.
    for _ in 0..8 {
        if is_domain(domain) && !domain.ends_with('.') {
            // A letter, digit or `_` that follows is part of a longer word that is no domain.
            let glued = after.get(domain.len()..).is_some_and(|rest| rest.starts_with('_'));
            return (!glued).then_some(domain.len());
        }
        domain = domain.get(..domain.rfind(['.', '-'])?)?;
    }
    None
}

/// `ssh://git@host.com`: the user of a URL; its password is a credential.
fn is_user_of_url(before: &str) -> bool {
    let from = before.ceil_char_boundary(before.len().saturating_sub(80));
    let near = before.get(from..).unwrap_or_default();
    near.rsplit_once("://").is_some_and(|(_, user)| {
        !user.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '<'))
    })
}

/// An e-mail address whose domain can exist: its last label is delegated.
pub(crate) fn email(text: &str) -> Verdict {
    let Some((local, domain)) = text.rsplit_once('@') else { return Verdict::Invalid };
    Verdict::of(is_local(local) && is_domain(domain))
}

/// An e-mail address that a person reads: no example domain, list, role or machine.
pub(crate) fn personal_email(text: &str) -> Verdict {
    let Some((local, domain)) = text.rsplit_once('@') else { return Verdict::Invalid };
    let domain = domain.to_ascii_lowercase();
    let local = local.to_ascii_lowercase();
    let under = |name: &str| {
        domain.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let placeholder = EXAMPLE_DOMAINS.iter().any(|name| under(name));
    let machine = NOBODY.contains(&local.as_str()) || is_list(&local, &domain);
    Verdict::of(is_local(&local) && is_domain(&domain) && !placeholder && !machine)
}

/// RFC 2606, RFC 6761 and what manuals use beside them.
const EXAMPLE_DOMAINS: [&str; 30] = [
    "example.com",
    "example.org",
    "example.net",
    "example.edu",
    "example",
    "test",
    "invalid",
    "localhost",
    "local",
    "domain.com",
    "yourdomain.com",
    "mydomain.com",
    "your-domain.com",
    "users.noreply.github.com",
    "foo.com",
    "bar.com",
    "myorg.com",
    "my-org.com",
    "yourorg.com",
    "your-org.com",
    "yourcompany.com",
    "your-company.com",
    "yoursite.com",
    "baz.com",
    "foo.bar",
    "test.com",
    "test.org",
    "somewhere.com",
    "hostname.com",
    "host.com",
];

/// Senders without a person, the `user` of a repository's address (`git@github.com`), and what
/// stands in manuals.
const NOBODY: [&str; 58] = [
    "git",
    "hg",
    "svn",
    "noreply",
    "no-reply",
    "donotreply",
    "do-not-reply",
    "mailer-daemon",
    "postmaster",
    "hostmaster",
    "webmaster",
    "abuse",
    "security",
    "info",
    "support",
    "sales",
    "contact",
    "help",
    "bugs",
    "bug",
    "press",
    "foo",
    "bar",
    "baz",
    "foobar",
    "test-user",
    "testuser",
    "username",
    "youremail",
    "your-email",
    "your.email",
    "your_email",
    "yourname",
    "your_name",
    "your-name",
    "youraccount",
    "your-account",
    "yourusername",
    "myaccount",
    "my-account",
    "myemail",
    "myname",
    "coc",
    "oss",
    "someone",
    "nobody",
    "your.name",
    "firstname.lastname",
    "first.last",
    "conduct",
    "report",
    "reports",
    "opensource",
    "legal",
    "privacy",
    "root",
    "daemon",
    "www-data",
];

/// A mailing list, a tracker or a service account: no person reads it.
fn is_list(local: &str, domain: &str) -> bool {
    const HOSTS: [&str; 7] =
        ["lists.", "list.", "groups.", "bugs.", "googlegroups.", "vger.", "freelists."];
    const ENDS: [&str; 9] =
        ["-sig", "-list", "-lists", "-devel", "-dev", "-bugs", "-users", "-announce", "-discuss"];
    HOSTS.iter().any(|host| domain.starts_with(host))
        || domain.ends_with("gserviceaccount.com")
        // `chacha20-poly1305@openssh.com` names an algorithm (RFC 4251 section 6).
        || domain == "openssh.com"
        || domain == "libssh.org"
        || ENDS.iter().any(|end| local.ends_with(end))
        || local.starts_with("bug-")
}

fn is_local(local: &str) -> bool {
    !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
}

pub(crate) fn is_domain(domain: &str) -> bool {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let Some((rest, last)) = domain.rsplit_once('.') else { return false };
    let labels = rest.split('.').all(|label| {
        !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    });
    labels && domain.len() <= 253 && is_top_level(last)
}

/// Whether IANA has delegated the label; one outside ASCII is taken at its word.
fn is_top_level(label: &str) -> bool {
    let label = label.to_ascii_lowercase();
    if label.starts_with("xn--") {
        return label.len() > 5;
    }
    if !label.is_ascii() {
        return label.chars().all(char::is_alphabetic);
    }
    static KNOWN: LazyLock<Vec<&str>> = LazyLock::new(|| TOP_LEVEL.lines().collect());
    KNOWN.binary_search(&label.as_str()).is_ok()
}

/// IANA's root zone in ASCII, one a line, sorted.
const TOP_LEVEL: &str = include_str!("mailbox/top_level.txt");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes() {
        for address in
            ["a.b+c@sub.corp.co.uk", "user@xn--80ak6aa92e.com", "x@firma.berlin", "x@почта.рф"]
        {
            assert_eq!(email(address), Verdict::Valid, "{address}");
            assert_eq!(personal_email(address), Verdict::Valid, "{address}");
        }
        for address in [
            "icon@2x.png",
            "user@localhost",
            "getty@tty1.service",
            "a@b.zz",
            "a..b@c.de",
            ".a@c.de",
            "a@-c.de",
            "a@c.123",
        ] {
            assert_eq!(email(address), Verdict::Invalid, "{address}");
        }
        for address in [
            "john@example.com",
            "git@github.com",
            "x@mail.example.org",
            "noreply@corp.com",
            "bug-tar@gnu.org",
            "systemd-devel@lists.freedesktop.org",
            "robot@p.iam.gserviceaccount.com",
            "procps@freelists.org",
            "myaccount@gmail.com",
            "alice@yourcompany.com",
        ] {
            assert_eq!(personal_email(address), Verdict::Invalid, "{address}");
        }
    }

    #[test]
    fn top_level_domains_can_be_searched() {
        assert!(TOP_LEVEL.lines().is_sorted() && TOP_LEVEL.lines().count() > 1000);
        assert!(is_top_level("com") && is_top_level("DE") && is_top_level("xn--p1ai"));
        assert!(!is_top_level("png") && !is_top_level("") && !is_top_level("zz"));
    }

    fn found(text: &str, find: fn(&str, &mut Vec<Candidate>)) -> Vec<&str> {
        let mut candidates = Vec::new();
        find(text, &mut candidates);
        candidates.iter().filter_map(|candidate| text.get(candidate.span.clone())).collect()
    }

    #[test]
    fn addresses_end_where_domains_end() {
        for (text, expected) in [
            ("write to jane.roe+work@acme-corp.co.uk.", "jane.roe+work@acme-corp.co.uk"),
            ("'john@corp.com'", "john@corp.com"),
            ("<o'brien@corp.ie>", "o'brien@corp.ie"),
            ("x@corp.com.Then he", "x@corp.com"),
            ("?mail=x@corp.com&y=1", "x@corp.com"),
            ("mailto:x@corp.com", "x@corp.com"),
            ("<\\fIjane@corp.com\\fR>", "jane@corp.com"),
            ("\\f5jane@corp.com\\fR", "jane@corp.com"),
            ("f5jane@corp.com", "f5jane@corp.com"),
            ("fIsl@corp.com", "fIsl@corp.com"),
            ("first.last@exämple.de", "first.last@exämple.de"),
            ("see https://a.com/x jane@corp.com", "jane@corp.com"),
        ] {
            assert_eq!(found(text, find_any), [expected], "{text}");
        }
        for text in [
            "a@b",
            "@corp.com",
            "icon@2x.png",
            "ssh://git@corp.com/x",
            "a@corp.com_",
            "a@@b.com",
            "",
        ] {
            assert!(found(text, find_any).is_empty(), "{text}");
        }
    }

    #[test]
    fn authors_are_spared_and_nobody_else() {
        for text in [
            "// Copyright (C) 1995-1998 Eric Young (eay@cryptsoft.com)",
            "authors = [\n    \"Eliza W <eliza@buoyant.io>\",\n    \"Dan G <dev@sunfish.online>\",",
            "  \"author\": \"Isaac S <i@izs.me>\",",
            "__author__ = 'shao@google.com'",
            "Author-email: maciag@gmail.com",
            "# Written by Hye-Shik Chang <perky@FreeBSD.org>",
            "Signed-off-by: Jane Roe <jane@corp.com>",
            ".SH AUTHOR\nJane Roe <jane@corp.com>",
            "<author>jane@corp.com</author>",
            "- Jane Roe <jane@corp.com> @janeroe",
            " * Net\n *\n *  Jane Roe <jane@corp.com>\n *\n",
            "# SPDX-License-Identifier: GPL-2.0\n# Jane Roe <jane@corp.com>, 2021\n",
            "# Copyright (c) by Jane Roe. All rights reserved.\n#\n# jane@corp.com\n# x\n",
            "// Jane Roe (@janeroe) <jane@corp.com>, and",
            "    \"Jane Roe <jane@corp.com> (http://janeroe.dev/)\"",
            ".SH TRADUCTOR\nJane Roe <jane@corp.com>,\nJohn Doe <john@corp.com>",
        ] {
            assert!(found(text, find_refused).is_empty(), "{text}");
            assert!(!found(text, find_any).is_empty(), "{text}");
        }
        for text in [
            "the author asked jane@corp.com to call",
            "Copyright Acme\njane@corp.com",
            "authors = [\"A\"]\nadmins = [\"jane@corp.com\"]",
            "customers: [jane@corp.com]",
            "email: jane@corp.com",
            "customer Jane Roe <jane@corp.com> owes 12",
            "# the customer who called about it is Jane Roe <jane@corp.com>",
            "# jane@corp.com\n",
            "Jane Roe <jane@corp.com> @ 9 o'clock",
            "please translate and send to jane@corp.com",
            "\"Jane Roe <jane@corp.com> (gold)\"",
        ] {
            assert_eq!(found(text, find_refused), ["jane@corp.com"], "{text}");
        }
        let many: String = (0..20).map(|n| format!("Author: p{n}@corp.com\n")).collect();
        assert_eq!(found(&many, find_refused).len(), 12, "a list of people is no list of authors");
    }
}
