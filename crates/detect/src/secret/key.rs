//! Names that say that a secret follows: `db_password`, `apiKey`, `X-Auth-Token`; and those that
//! only sound so: `token_url`, `password_hint`, `max_tokens`, `public_key`.
//! Next: `assign` (who asks).

/// What a name says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// A password: short, chosen by a person.
    Password,
    /// A token or key: long, drawn by chance.
    Secret,
    /// What a service gave its client as a key, so that even a UUID is one: `vapi_api_key`.
    Issued,
    /// Anything else.
    Other,
}

/// What a name says, however it is written.
pub(crate) fn name_of(name: &str) -> Named {
    let words = words(name);
    let Some(last) = words.last().map(String::as_str) else { return Named::Other };
    let has = |word: &str| words.iter().any(|known| known == word);
    let either = |list: &[&str]| list.iter().any(|word| has(word));
    if ABOUT.contains(&last) || either(HARMLESS) {
        return Named::Other;
    }
    let ends = |tail: &str| words.iter().any(|word| word.ends_with(tail));
    // `PGPASSWORD`, `MYSQL_PWD`, `usertoken`: glued names end in the word that tells.
    if ["password", "passwd", "passphrase", "passcode", "pwd"].iter().any(|tail| ends(tail))
        || matches!(last, "pass" | "pw")
    {
        return Named::Password;
    }
    let key = last == "key"
        && either(&[
            "api",
            "access",
            "auth",
            "private",
            "secret",
            "encryption",
            "signing",
            "master",
            "account",
            "app",
            "application",
            "service",
            "admin",
            "shared",
            "license",
            "storage",
            "subscription",
            "client",
            "session",
            "aes",
            "hmac",
            "jwt",
            "webhook",
            "project",
            "write",
            "deploy",
            "integration",
            "ingest",
            "gateway",
            "cipher",
            "crypto",
            "data",
        ]);
    let secret = ["secret", "token", "apikey", "accesskey", "secretkey", "authkey", "privatekey"]
        .iter()
        .any(|tail| ends(tail))
        || either(&["secrets", "bearer", "credential", "credentials", "creds", "skey"])
        || matches!(last, "auth" | "authorization");
    if !(key || secret) {
        return Named::Other;
    }
    // `VAPI_API_KEY`, `clientSecret`; not `request_token`, `session_key`.
    let tail = words.get(words.len().saturating_sub(2)..).unwrap_or_default().concat();
    if ISSUED.iter().any(|issued| tail.ends_with(issued)) { Named::Issued } else { Named::Secret }
}

/// How names end that a service's key is kept under.
const ISSUED: &[&str] =
    &["apikey", "apitoken", "apisecret", "accesskey", "secretkey", "privatekey", "clientsecret"];

/// Last words that make it a statement about a secret.
const ABOUT: &[&str] = &[
    "url",
    "uri",
    "endpoint",
    "path",
    "file",
    "filename",
    "dir",
    "name",
    "id",
    "ids",
    "type",
    "length",
    "len",
    "size",
    "count",
    "hash",
    "hashes",
    "field",
    "label",
    "hint",
    "prompt",
    "policy",
    "regex",
    "pattern",
    "min",
    "max",
    "expiry",
    "expires",
    "expiration",
    "ttl",
    "timeout",
    "at",
    "date",
    "version",
    "algorithm",
    "alg",
    "format",
    "header",
    "prefix",
    "suffix",
    "param",
    "placeholder",
    "required",
    "enabled",
    "disabled",
    "valid",
    "limit",
    "usage",
    "budget",
    "class",
    "list",
    "index",
    "provider",
    "store",
    "manager",
    "source",
    "ref",
    "arn",
    "alias",
    "scheme",
    "mode",
    "env",
    "var",
    "variable",
    "input",
    "error",
    "message",
    "description",
    "title",
    "text",
    "selector",
    "template",
    "generator",
    "reset",
    "change",
    "strength",
    "digest",
    "checksum",
    "fingerprint",
    "sha",
    "sha1",
    "sha256",
    "md5",
    "integrity",
    "cost",
    "rounds",
    "issuer",
    "audience",
    "scope",
    "scopes",
    "kind",
    "status",
    "state",
    "user",
    "username",
    "email",
    "host",
    "port",
    "bytes",
    "bits",
    "cmd",
    "command",
    "help",
    "test",
    "tests",
    "doc",
];

/// Words anywhere that make it public or short-lived by design.
const HARMLESS: &[&str] = &[
    "public",
    "pub",
    "csrf",
    "xsrf",
    "page",
    "next",
    "previous",
    "prev",
    "continuation",
    "cursor",
    "pagination",
    "sync",
    "tokenizer",
    "nonce",
    "primary",
    "foreign",
    "partition",
    "sort",
    "publishable",
    "anon",
    "cache",
    "idempotency",
    "keyboard",
    "stop",
    "eos",
    "bos",
    "pad",
];

/// Its words in lower case: parted at signs and where a capital follows a small letter.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    let mut letters = name.chars().peekable();
    while let Some(c) = letters.next() {
        let next_small = letters.peek().is_some_and(char::is_ascii_lowercase);
        let turns = c.is_ascii_uppercase()
            && (before.is_ascii_lowercase() || (before.is_ascii_uppercase() && next_small));
        if (turns || !c.is_ascii_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    if !word.is_empty() {
        words.push(word);
    }
    // `PASSWORD_2`, `token1`: a number at the end counts nothing.
    if words.len() > 1 && words.last().is_some_and(|w| w.bytes().all(|b| b.is_ascii_digit())) {
        words.pop();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told() {
        for name in
            ["password", "DB_PASSWORD", "userPassword", "PGPASSWORD_2", "passwd", "smtp.pass"]
        {
            assert_eq!(name_of(name), Named::Password, "{name}");
        }
        for name in
            ["apiKey", "X-Api-Key", "APIKey", "clientSecret", "aws.secretKey", "VAPI_API_KEY_2"]
        {
            assert_eq!(name_of(name), Named::Issued, "{name}");
        }
        for name in ["secret", "auth_token", "GITHUB_TOKEN", "request_token", "session_key"] {
            assert_eq!(name_of(name), Named::Secret, "{name}");
        }
        for name in [
            "",
            "token_url",
            "passwordHint",
            "max_tokens",
            "publicKey",
            "secretName",
            "key",
            "monkey",
            "csrf_token",
            "NEXT_PUBLIC_VAPI_API_KEY",
            "primary_key",
            "nextPageToken",
            "tokenizer",
        ] {
            assert_eq!(name_of(name), Named::Other, "{name}");
        }
    }
}
