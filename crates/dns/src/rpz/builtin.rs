//! The zone that comes with the program: names of resolvers over HTTPS, and canaries. It is asked
//! last, and a name that somebody declared letter by letter passes it. Must not know configuration.
//! Next: `filter`.

use super::entries::Record;
use super::zone::{Builder, Diagnostic, Terms, Zone};
use backstop_model::name::{QueryName, QueryType};

/// The zone of `data/doh.txt`.
///
/// # Errors
/// What is wrong in that file.
pub fn doh_endpoints(keys: (u64, u64)) -> Result<Zone, Vec<Diagnostic>> {
    let mut builder = Builder::new(&QueryName::ROOT, keys);
    let mut line = 0u64;
    for text in LIST.lines() {
        line += 1;
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let name = QueryName::from_text(text);
        let wild = name.as_ref().and_then(|name| {
            QueryName::of_labels(std::iter::once(b"*".as_slice()).chain(name.labels()))
        });
        let (Some(name), Some(wild)) = (name, wild) else {
            builder.fault(line, format!("`{text}` is no name"));
            continue;
        };
        for owner in [name, wild] {
            let data = QueryName::ROOT.as_wire().into();
            builder.add(line, Record { owner, rtype: QueryType::CNAME, ttl: 0, data });
        }
    }
    builder.finish_named(NAME, Terms::default())
}

/// What the record calls it.
const NAME: &str = "built-in.doh-endpoints";
const LIST: &str = include_str!("../../data/doh.txt");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpz::zone::found;

    #[test]
    fn the_built_in_zone_reads_and_holds_the_well_known_names() {
        let zone = doh_endpoints((1, 2)).unwrap();
        assert!(zone.len() > 250, "{}", zone.len());
        for name in [
            "use-application-dns.net",
            "dns.google",
            "mozilla.cloudflare-dns.com",
            "abc123.dns.nextdns.io",
        ] {
            assert!(found(&zone, name).is_some(), "{name}");
        }
        for name in ["google.com", "cloudflare.com", "quad9.net", "example.com"] {
            assert!(found(&zone, name).is_none(), "{name}");
        }
    }
}
