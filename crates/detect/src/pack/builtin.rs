//! The packs that are built in: one line each, in alphabetical order.
//! Next: `schema`.

macro_rules! packs {
    ($($name:literal,)*) => {
        &[$(($name, include_str!(concat!("../../packs/", $name, ".yaml"))),)*]
    };
}

/// Name and text of every built-in pack.
pub(crate) const PACKS: &[(&str, &str)] = packs![
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
    "pii-nl-be",
    "pii-uk",
    "pii-us",
    "secret-backstop",
pub(crate) const PACKS: &[(&str, &str)] =
    packs!["mark-business", "mark-government", "pii-generic",];

pub(crate) const PACKS: &[(&str, &str)] = packs![
    "mark-business",
    "mark-government",
    "pii-address",
    "pii-africa",
    "pii-au",
    "pii-cn-jp",
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
];
