//! Names that are written down: the configuration's `hosts` table and the machine's hosts file.
//! Must not know the network. Next: `system`.

use super::{Resolve, ResolveFault};
use crate::BoxFuture;
use backstop_model::host::HostName;
use backstop_model::standing::Subject;
use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// A fixed table of names, with or without another resolver behind it.
///
/// What the table says is judged like any other answer: a private address in it is refused
/// unless the policy's row allows it.
pub struct StaticResolver {
    table: BTreeMap<HostName, Vec<IpAddr>>,
    otherwise: Option<Arc<dyn Resolve>>,
}

impl StaticResolver {
    /// Answers from `table` alone; any other name has no address.
    pub fn new(table: BTreeMap<HostName, Vec<IpAddr>>) -> Self {
        Self { table, otherwise: None }
    }
    /// Answers from `table`, and asks `otherwise` for the names that it lacks.
    pub fn before(table: BTreeMap<HostName, Vec<IpAddr>>, otherwise: Arc<dyn Resolve>) -> Self {
        Self { table, otherwise: Some(otherwise) }
    }
}

impl Resolve for StaticResolver {
    fn resolve<'a>(
        &'a self,
        name: &'a HostName,
        who: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveFault>> {
        match (self.table.get(name), &self.otherwise) {
            (Some(addresses), _) => {
                let addresses = addresses.clone();
                Box::pin(async move { Ok(addresses) })
            }
            (None, Some(otherwise)) => otherwise.resolve(name, who),
            (None, None) => Box::pin(async { Err(ResolveFault::NoAddress(name.clone())) }),
        }
    }
}

/// The addresses that a hosts file (hosts(5)) gives for `name`, in its order.
///
/// # Errors
/// As reading the file; a file that does not exist gives no address.
pub(super) fn in_hosts_file(path: &Path, name: &str) -> io::Result<Vec<IpAddr>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(fault) => return Err(fault),
    };
    search(io::BufReader::new(file.take(HOSTS_FILE_CAP)), name)
}

fn search(mut text: impl BufRead, name: &str) -> io::Result<Vec<IpAddr>> {
    let mut found = Vec::new();
    let mut line = Vec::new();
    while text.read_until(b'\n', &mut line)? > 0 {
        let row = String::from_utf8_lossy(&line);
        let row = row.split('#').next().unwrap_or_default();
        let mut words = row.split_ascii_whitespace();
        if let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>)
            && words.any(|word| word.eq_ignore_ascii_case(name))
            && !found.contains(&address)
        {
            found.push(address);
        }
        line.clear();
    }
    Ok(found)
}

/// LIMIT: what of a hosts file is read; block lists of some megabytes are in use.
const HOSTS_FILE_CAP: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_file_is_read_as_hosts_5_says() {
        let text = "# comment\n127.0.0.1 localhost\n 93.184.0.7\tapi.example  API2.example # x\n\
                    ::1 localhost\nnonsense api.example\nfe80::1%eth0 api.example\n\
                    2606:2800::7 api.example\n93.184.0.7 api.example\n93.184.0.8 #api.example";
        let ask = |name| search(text.as_bytes(), name).unwrap();
        let expect = |texts: &[&str]| -> Vec<IpAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        assert_eq!(ask("api.example"), expect(&["93.184.0.7", "2606:2800::7"]));
        assert_eq!(ask("api2.example"), expect(&["93.184.0.7"]));
        assert_eq!(ask("localhost"), expect(&["127.0.0.1", "::1"]));
        assert_eq!(ask("example"), expect(&[]));
        assert_eq!(ask("#api.example"), expect(&[]));
    }

    #[test]
    fn no_hosts_file_means_no_address() {
        let none = in_hosts_file(Path::new("/nonexistent/hosts"), "api.example");
        assert_eq!(none.unwrap(), Vec::<IpAddr>::new());
    }
}
