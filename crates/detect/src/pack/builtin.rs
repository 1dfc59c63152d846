//! The packs that are built in: one line each, in alphabetical order.
//! Next: `schema`.

macro_rules! packs {
    ($($name:literal,)*) => {
        /// Name and text of every built-in pack.
        pub(crate) const PACKS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../packs/", $name, ".yaml"))),)*];
    };
}

// In braces, so that rustfmt keeps one line each and two branches can both add theirs.
packs! {
    "mark-business",
    "mark-government",
    "pii-address",
    "pii-africa",
    "pii-americas",
    "pii-au",
    "pii-cn-jp",
    "pii-de",
    "pii-fr-es-it",
    "pii-generic",
    "pii-in",
    "pii-kr",
    "pii-nl-be",
    "pii-nordic",
    "pii-person",
    "pii-phone",
    "pii-pl",
    "pii-sea",
    "pii-tr",
    "pii-uk",
    "pii-us",
    "secret-agent",
    "secret-backstop",
    "secret-chat",
    "secret-ci",
    "secret-cloud",
    "secret-coin",
    "secret-database",
    "secret-generic",
    "secret-header",
    "secret-key",
    "secret-kubernetes",
    "secret-llm",
    "secret-observability",
    "secret-payment",
    "secret-saas",
    "secret-vcs",
    "secret-webhook",
}
