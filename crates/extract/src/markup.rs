//! Tags and text of HTML and XML, read leniently: a document in the making is no adversary, and
//! whatever is read too much does no harm to fingerprints. Next: `archive`.

/// A piece of markup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    /// `<name …>` or `<name …/>`: the name without prefix, what follows it, and whether it closes
    /// itself.
    Open { name: &'t str, rest: &'t str, alone: bool },
    /// `</name>`.
    Close(&'t str),
    /// Text between tags, its references not undone.
    Text(&'t str),
    /// What no reader shows: a comment, a declaration, an instruction.
    Hidden(&'t str),
}

/// Tells every piece in order.
pub(crate) fn pieces<'t>(text: &'t str, mut tell: impl FnMut(Piece<'t>)) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        if !before.is_empty() {
            tell(Piece::Text(before));
        }
        if let Some(comment) = after.strip_prefix("!--") {
            let (comment, next) = comment.split_once("-->").unwrap_or((comment, ""));
            tell(Piece::Hidden(comment));
            rest = next;
            continue;
        }
        if let Some(data) = after.strip_prefix("![CDATA[") {
            let (data, next) = data.split_once("]]>").unwrap_or((data, ""));
            tell(Piece::Text(data));
            rest = next;
            continue;
        }
        let (tag, next) = split_tag(after);
        rest = next;
        if let Some(name) = tag.strip_prefix('/') {
            tell(Piece::Close(local(name.trim())));
        } else if tag.starts_with(['!', '?']) {
            tell(Piece::Hidden(tag));
        } else {
            let alone = tag.ends_with('/');
            let tag = tag.trim_end_matches('/');
            let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
            tell(Piece::Open { name: local(name), rest: attributes, alone });
        }
    }
    if !rest.is_empty() {
        tell(Piece::Text(rest));
    }
}

/// A tag to its `>`, over quoted values.
fn split_tag(text: &str) -> (&str, &str) {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => {
                let rest = text.get(at + 1..).unwrap_or_default();
                return (text.get(..at).unwrap_or_default(), rest);
            }
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None | Some(_), _) => {}
        }
    }
    (text, "")
}

/// A name without its prefix.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, name)| name)
}

/// The value of an attribute.
pub(crate) fn attribute<'t>(rest: &'t str, wanted: &str) -> Option<&'t str> {
    let mut rest = rest;
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, next) = after.get(1..)?.split_once(quote)?;
        if local(name.trim()) == wanted {
            return Some(value);
        }
        rest = next;
    }
    None
}

/// Text with its character references undone, as far as they are common.
pub(crate) fn undone(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let reference = after.split_once(';').filter(|(name, _)| name.len() <= 10);
        match reference.and_then(|(name, next)| Some((character(name)?, next))) {
            Some((c, next)) => {
                out.push(c);
                rest = next;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?);
    }
    let named = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", ' '),
        ("ndash", '–'),
        ("mdash", '—'),
        ("hellip", '…'),
        ("rsquo", '’'),
        ("lsquo", '‘'),
        ("rdquo", '”'),
        ("ldquo", '“'),
        ("auml", 'ä'),
        ("ouml", 'ö'),
        ("uuml", 'ü'),
        ("szlig", 'ß'),
        ("eacute", 'é'),
    ];
    named.iter().find(|(known, _)| *known == name).map(|(_, c)| *c)
}

/// Elements within a line: their borders part no words.
const INLINE: [&str; 16] = [
    "a", "abbr", "b", "bdi", "cite", "code", "em", "i", "mark", "q", "s", "small", "span",
    "strong", "sub", "u",
];

/// The text of an HTML or XML document, without scripts and styles.
pub(crate) fn text(markup: &str) -> String {
    let mut out = String::with_capacity(markup.len() / 2);
    let mut hidden = 0_usize;
    pieces(markup, |piece| match piece {
        Piece::Open { name, alone, .. } => {
            if is_hidden(name) && !alone {
                hidden += 1;
            }
            part(name, &mut out);
        }
        Piece::Close(name) => {
            if is_hidden(name) {
                hidden = hidden.saturating_sub(1);
            }
            part(name, &mut out);
        }
        Piece::Text(text) if hidden == 0 => undone(text, &mut out),
        Piece::Text(_) | Piece::Hidden(_) => {}
    });
    out
}

fn is_hidden(name: &str) -> bool {
    ["script", "style"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn part(name: &str, out: &mut String) {
    if !INLINE.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        out.push('\n');
    }
}
