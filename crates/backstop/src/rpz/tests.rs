//! Zones of files: read, watched, kept; what is bad changes nothing.

use super::*;
use backstop_gate::OsRandom;

fn keeper(folder: &Path) -> Result<Keeper> {
    let file = folder.join("feed.zone");
    let feeds = [feed(&format!("feed.example={} policy=nodata", file.display())).unwrap()];
    Keeper::open(&feeds, DohEndpoints::Block, &folder.join("state"), keys(&OsRandom)?, vec![])
}

const GOOD: &str = "@ SOA ns. host. 7 1 1 1 1\nbad.example CNAME .\n";

#[test]
fn a_cold_start_takes_the_last_good_copy_and_without_one_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("feed.zone");
    std::fs::write(&file, "@ SOA ns. host. 7 1 1 1 1\nx.rpz-asn CNAME .\n$INCLUDE /etc/passwd\n")
        .unwrap();
    let fault = format!("{:#}", keeper(folder.path()).err().unwrap());
    assert!(fault.contains("feed.zone:2: `x.rpz-asn.feed.example`"), "{fault}");
    assert!(fault.contains("feed.zone:3: `$INCLUDE` is not followed"), "{fault}");

    std::fs::write(&file, GOOD).unwrap();
    assert_eq!(keeper(folder.path()).unwrap().filter().rules().zones()[0].len(), 1);
    // Cut short, gone, a pipe: each begins with what was good.
    std::fs::write(&file, "bad.example CNA").unwrap();
    assert_eq!(keeper(folder.path()).unwrap().filter().rules().zones()[0].serial(), 7);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(keeper(folder.path()).unwrap().filter().rules().zones()[0].len(), 1);
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(keeper(folder.path()).unwrap().filter().rules().zones()[0].len(), 1);
}

#[test]
fn feeds_are_read_as_they_are_written() {
    let read =
        feed("Feed.Example=/etc/f.zone policy=cname:*.garden.example sinkhole=10.0.0.0/8").unwrap();
    assert_eq!(read.terms.policy.to_string(), "cname:*.garden.example");
    assert_eq!((read.name.to_string().as_str(), read.terms.sinkholes.len()), ("feed.example", 1));
    let read =
        feed("feed.example primary=10.0.0.53 primary=[2001:db8::53]:5353 key=/k policy=nxdomain");
    let Origin::Primaries(remote) = read.unwrap().origin else { panic!("a file") };
    assert_eq!(remote.primaries.len(), 2);
    assert_eq!(remote.primaries[0].to_string(), "10.0.0.53:53");
    assert_eq!(remote.key, Some(PathBuf::from("/k")));
    for (bad, said) in [
        ("a.example=/f primary=10.0.0.53", "has a file and a primary"),
        ("a.example=/f key=/k", "is a file"),
        ("a.example", "neither file nor primary"),
        ("a.example key=/k", "neither file nor primary"),
        ("a.example primary=dns.example", "no primary: write an address"),
        ("a.example primary=10.0.0.53 primary=10.0.0.53:53", "stands twice"),
        ("a.example primary=10.0.0.53 key=/a key=/b", "a zone has one key"),
        ("a.example primary=10.0.0.53 key=", "names no file"),
        ("a.example primary=10.0.0.53 refresh=1", "is neither"),
    ] {
        let fault = feed(bad).unwrap_err();
        assert!(fault.contains(said), "{bad}: {fault}");
    }
    for bad in ["", "feed.example", "feed.example=", "../x=/f", "a=/f policy=allow", "a=/f x"] {
        assert!(feed(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn without_a_primary_and_without_a_copy_there_is_no_start() {
    let folder = tempfile::tempdir().unwrap();
    // Bound and not listening: nobody answers there.
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let feeds = [feed(&format!("feed.example primary={}", nobody.local_addr().unwrap())).unwrap()];
    let sockets = OwnSockets::new(backstop_gate::OwnListeners::default());
    let none = followers(&feeds, folder.path(), sockets.clone(), (1, 2)).await;
    let fault = format!("{:#}", none.err().unwrap());
    let said = "no primary gives the response policy zone `feed.example`";
    assert!(fault.contains(said) && fault.contains("refused"), "{fault}");
    // Nor where a look at it is wanted, nor with a key that others can read.
    let look = look(&feeds, DohEndpoints::Allow, folder.path(), (1, 2));
    assert!(look.unwrap_err().to_string().contains("there is no copy of it"));
    let key = folder.path().join("key");
    std::fs::write(&key, "hmac-sha256:k:c2VjcmV0LW9mLWEtdGVzdC1vZi0zMi1vY3RldHMhISE=").unwrap();
    let feeds = [feed(&format!("a.example primary=127.0.0.1 key={}", key.display())).unwrap()];
    let none = followers(&feeds, folder.path(), sockets, (1, 2)).await;
    let fault = format!("{:#}", none.err().unwrap());
    assert!(
        fault.contains("the zone `a.example`") && fault.contains("readable by others"),
        "{fault}"
    );
}
