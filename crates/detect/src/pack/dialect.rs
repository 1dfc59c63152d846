//! Go's regular expressions (RE2) in the words of ours: what means the same stays, what means
//! something else is rewritten, what we do not have is refused. Next: `gitleaks`.

/// Rewrites a pattern of RE2 (`https://github.com/google/re2/wiki/Syntax`).
///
/// There `\w`, `\d`, `\s` and `\b` are ASCII, `[` within a class and a lone `{` are themselves.
pub(super) fn from_go(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 32);
    let mut rest = pattern;
    let mut class = Class::Outside;
    // Whether the last `{` that was written opens a repetition or the name of a class.
    let mut is_open = false;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        let started = class == Class::Start;
        let mut taken = c.len_utf8();
        match (c, class) {
            ('\\', _) => taken = escape(after, class, &mut out)?,
            ('[', Class::Outside) => {
                class = Class::Start;
                out.push('[');
                if after.starts_with('^') {
                    out.push('^');
                    taken = 2;
                }
            }
            ('[', Class::Start | Class::Inside) => {
                let named = after.starts_with(':').then(|| after.find(":]")).flatten();
                if let Some(end) = named {
                    taken = end + 3;
                    out.push_str(rest.get(..taken).unwrap_or_default());
                } else {
                    out.push_str("\\[");
                }
            }
            (']', Class::Inside) => {
                class = Class::Outside;
                out.push(']');
            }
            // A bracket that comes first in a class is itself; `&&`, `~~` and `--` are operators
            // here and are not there.
            (']', Class::Start) | ('&' | '~', Class::Start | Class::Inside) => {
                out.push('\\');
                out.push(c);
            }
            ('-', Class::Inside) if after.starts_with('-') => out.push_str("\\-"),
            ('{', Class::Outside) if is_repetition(after) => {
                is_open = true;
                out.push('{');
            }
            ('{', Class::Outside) => out.push_str("\\{"),
            ('}', Class::Outside) if is_open => {
                is_open = false;
                out.push('}');
            }
            ('}', Class::Outside) => out.push_str("\\}"),
            (_, Class::Outside | Class::Start | Class::Inside) => out.push(c),
        }
        if started && class == Class::Start {
            class = Class::Inside;
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    Ok(out)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Outside,
    /// Directly after `[` or `[^`.
    Start,
    Inside,
}

/// Writes an escape; the bytes that it took, its backslash included.
fn escape(after: &str, class: Class, out: &mut String) -> Result<usize, String> {
    let Some(letter) = after.chars().next() else {
        return Err("it ends with a backslash".to_owned());
    };
    let inside = class != Class::Outside;
    match letter {
        'w' | 'd' | 's' => {
            let members = match letter {
                'w' => "0-9A-Za-z_",
                'd' => "0-9",
                _ => "\\t\\n\\f\\r ",
            };
            let (open, close) = if inside { ("", "") } else { ("[", "]") };
            out.extend([open, members, close]);
        }
        'W' => out.push_str("[^0-9A-Za-z_]"),
        'D' => out.push_str("[^0-9]"),
        'S' => out.push_str("[^\\t\\n\\f\\r ]"),
        'b' if !inside => out.push_str("(?-u:\\b)"),
        // The ASCII form could fall inside a letter, which is not allowed.
        'B' if !inside => out.push_str("\\B"),
        'p' | 'P' | 'x' if after.get(1..).is_some_and(|rest| rest.starts_with('{')) => {
            let end = after.find('}').ok_or_else(|| "a `}` is missing".to_owned())?;
            out.push('\\');
            out.push_str(after.get(..=end).unwrap_or_default());
            return Ok(end + 2);
        }
        'Q' | 'C' => return Err(format!("`\\{letter}` is not supported")),
        '0'..='9' => return Err("octal escapes and back-references are not supported".to_owned()),
        letter if letter.is_ascii() => out.extend(['\\', letter]),
        letter => out.push(letter),
    }
    Ok(1 + letter.len_utf8())
}

/// Whether `{` begins `{n}`, `{n,}` or `{n,m}`.
fn is_repetition(after: &str) -> bool {
    after.split_once('}').is_some_and(|(inside, _)| {
        let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
        !least.is_empty() && least.bytes().chain(most.bytes()).all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex_automata::meta::Regex;

    #[test]
    fn what_go_accepts_means_the_same_here() {
        for (pattern, matching, other) in [
            (r"^\w+$", "abc_1", "é"),
            (r"^[\w.-]+$", "a.b-c", "a b"),
            (r"\bkey\b", "a key.", "monkey"),
            (r"^\$(?:\d+|{\d+})$", "${12}", "$x"),
            (r"^\{\{[ \t]*[\w ().|]+[ \t]*}}$", "{{ a.b }}", "{ a }"),
            (r"^[^[]+$", "abc", "a[b"),
            (r"^[]a]+$", "]a", "b"),
            (r"^[a&&b]+$", "a&b", "c"),
            (r"^[a~~b]+$", "a~b", "c"),
            (r"^[[:alpha:]]+$", "abc", "12"),
            (r"^a{2}}$", "aa}", "aa"),
            (r"^a{,2}$", "a{,2}", "aa"),
            (r"^[\s]x$", " x", "x"),
            (r"^(?i:AbC)\x60$", "abc`", "abc"),
            (r"^\x{41}\pL$", "AB", "A1"),
            (r"^[\W]$", "-", "a"),
            (r"^[+\--/]$", "-", "a"),
        ] {
            let ours = from_go(pattern).unwrap();
            let regex = Regex::new(&ours).unwrap_or_else(|_| panic!("{pattern} became {ours}"));
            assert!(regex.is_match(matching), "{pattern} became {ours}");
            assert!(!regex.is_match(other), "{pattern} became {ours}");
        }
        for refused in [r"\Qx", r"(a)\1", "a\\"] {
            assert!(from_go(refused).is_err(), "{refused}");
        }
    }
}
