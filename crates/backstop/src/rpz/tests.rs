//! Zones of files: read, watched, kept; what is bad changes nothing.

use super::*;
use backstop_gate::OsRandom;

fn keeper(folder: &Path) -> Result<Keeper> {
    let file = folder.join("feed.zone");
    let feeds = [feed(&format!("feed.example={} policy=nodata", file.display())).unwrap()];
    Keeper::open(&feeds, DohEndpoints::Block, &folder.join("state"), &OsRandom)
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
    for bad in ["", "feed.example", "feed.example=", "../x=/f", "a=/f policy=allow", "a=/f x"] {
        assert!(feed(bad).is_err(), "{bad}");
    }
}
