//! Paths: kept as sent, and what in them two servers could read in two ways.
//! Must not know policy. Next: `attempt`.

/// The path of a URL as it goes on the wire: never empty; what a path may not hold (RFC 3986 §3.3;
/// WHATWG URL, "path percent-encode set") is percent-encoded.
pub(super) fn as_sent(path: &str) -> String {
    if path.is_empty() {
        return "/".to_owned();
    }
    let mut sent = String::with_capacity(path.len());
    let mut bytes = [0; 4];
    for character in path.chars() {
        let encoded = matches!(character, '"' | '<' | '>' | '^' | '`' | '{' | '|' | '}');
        if character.is_ascii() && !encoded {
            sent.push(character);
        } else {
            for byte in character.encode_utf8(&mut bytes).bytes() {
                sent.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    sent
}

/// Why a path cannot be matched against a rule with certainty, if it cannot: servers differ in
/// whether they resolve dot segments, decode `%2f`, or merge slashes, so `/points/%2e%2e/admin`
/// would pass a rule for `/points/*` and reach `/admin` (RFC 3986 §5.2.4, §6.2.2).
///
/// Rows with `paths` must refuse such a path; rows without need not care.
pub fn path_ambiguity(path: &str) -> Option<&'static str> {
    if !path.starts_with('/') {
        return Some("the path does not begin with a slash");
    }
    if path.contains("//") {
        return Some("the path holds an empty segment");
    }
    if path
        .chars()
        .any(|c| c == '\\' || c == '?' || c == '#' || c <= ' ' || !c.is_ascii() || c == '\u{7f}')
    {
        return Some("the path holds a character that must be percent-encoded");
    }
    let mut pieces = path.split('%');
    pieces.next();
    for piece in pieces {
        let code = piece.get(..2).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match code.map(str::to_ascii_lowercase).as_deref() {
            None => return Some("the path holds a malformed percent-encoding"),
            Some("2f" | "5c") => return Some("the path holds an encoded slash or back-slash"),
            Some("25") => return Some("the path holds an encoded percent sign"),
            Some("00") => return Some("the path holds an encoded NUL"),
            Some(_) => {}
        }
    }
    let decoded =
        path.replace("%2e", ".").replace("%2E", ".").replace("%3b", ";").replace("%3B", ";");
    for segment in decoded.split('/') {
        // Some servers cut a segment at `;` before they resolve it.
        let plain = segment.split(';').next().unwrap_or(segment);
        if plain == "." || plain == ".." {
            return Some("the path holds a dot segment");
        }
    }
    None
}
