//! Honest clients under wildcard rows: real names, and a made-up day.

use super::day::{Asked, Day};
use super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros(1_700_006_400_000_000 + seconds * 1_000_000)
}

/// Real names that real clients asked, by their registered domain; beside the project, never in it.
fn benign() -> Option<BTreeMap<HostName, Vec<QueryName>>> {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = ["../shared", "../../shared"]
        .map(|shared| root.join(shared).join("data/hosts/benign_hostnames_dev.txt"));
    let text = file.iter().find_map(|file| std::fs::read_to_string(file).ok())?;
    let mut all: BTreeMap<HostName, Vec<QueryName>> = BTreeMap::new();
    for name in text.lines().filter_map(QueryName::from_text) {
        let domain = registered_domain(&name);
        if name.host().is_some()
            && name != domain
            && let Some(base) = domain.host()
        {
            all.entry(base).or_default().push(name);
        }
    }
    Some(all)
}

/// What one client shows in a day.
#[derive(Default)]
struct Shown {
    /// Controls that stand on the record of a name.
    noted: BTreeSet<Control>,
    /// Controls that flag the client.
    flagged: BTreeSet<Control>,
    /// Whether a row was closed to it.
    closed: bool,
    why: Option<String>,
}

fn shown<'n>(asked: impl Iterator<Item = Asked<'n>>) -> Shown {
    let (config, hasher, mut book) = (NamesConfig::default(), RandomState::new(), Book::default());
    let (shared, mut shown) = (Mutex::default(), Shown::default());
    for Asked { base, name, qtype, second, exists, told } in asked {
        let now = at(second);
        let hash = hasher.hash_one(name.as_wire());
        let signs = of_wildcard(&config, &mut book, &shared, (base, name), hash, now);
        for sign in &signs {
            shown.noted.insert(sign.control);
            shown.closed |= sign.acts == Acts::Block;
            if flags_client(sign.control, signs.iter().map(|sign| sign.control)) {
                shown.flagged.insert(sign.control);
                shown.why.get_or_insert_with(|| sign.text.clone());
            }
        }
        count(&mut book, base, qtype, now);
        let row = book.row(base.as_str(), now);
        row.answers += 1;
        row.absent += u64::from(!exists);
        for data in told {
            row.told.add(hasher.hash_one(&data), data.len());
        }
    }
    shown
}

#[test]
fn real_names_under_wildcard_rows_flag_no_client() {
    let Some(all) = benign() else {
        eprintln!("SKIPPED: no list of benign names beside the project");
        return;
    };
    let names: Vec<_> =
        all.iter().flat_map(|(base, names)| names.iter().map(move |name| (base, name))).collect();
    // A client asks 200 names of the list in a day, all of them under wildcard rows.
    let clients = 2_000_u64;
    let (mut noted, mut flagged) = (BTreeMap::new(), BTreeMap::new());
    let (mut any, mut closed) = (0_u64, 0_u64);
    for client in 0..clients {
        let mut state = client.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let pick = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            names[usize::try_from(state % names.len() as u64).unwrap()]
        });
        let day = pick.take(200).enumerate().map(|(number, (base, name))| Asked {
            base,
            name,
            qtype: QueryType::A,
            second: i64::try_from(number).unwrap() * 10,
            exists: true,
            told: Vec::new(),
        });
        let shown = shown(day);
        any += u64::from(!shown.flagged.is_empty());
        closed += u64::from(shown.closed);
        for control in shown.noted {
            *noted.entry(control).or_insert(0_u64) += 1;
        }
        for control in shown.flagged {
            *flagged.entry(control).or_insert(0_u64) += 1;
        }
    }
    println!(
        "{} names; of {clients} clients with 200 each: {any} flagged {flagged:?}, {closed} cut; noted on names of {noted:?}",
        names.len()
    );
    assert!(any * 1_000 < clients, "{any} of {clients}");
    assert_eq!(closed, 0);
    // The worst that one client can honestly do: ask all names that anybody has of a domain.
    let whole = all.iter().filter_map(|(base, names)| {
        let day = names.iter().enumerate().map(|(number, name)| Asked {
            base,
            name,
            qtype: QueryType::A,
            second: i64::try_from(number).unwrap() * 10,
            exists: true,
            told: Vec::new(),
        });
        let shown = shown(day);
        (!shown.flagged.is_empty()).then_some((base, shown.closed))
    });
    let whole: Vec<_> = whole.collect();
    let closed = whole.iter().filter(|(_, closed)| *closed).count();
    println!(
        "{} of {} domains asked whole by one client flag it, {closed} are cut: {whole:?}",
        whole.len(),
        all.len()
    );
    assert!(whole.len() * 40 < all.len(), "{whole:?}");
}

#[test]
fn a_made_up_day_of_many_agents_flags_no_client() {
    // More of them where somebody wants to know better: the days of ten thousand flagged nobody.
    let clients = 1_100_u64;
    let (mut questions, mut any, mut closed) = (0_u64, Vec::new(), 0_u64);
    let (mut noted, mut flagged) = (BTreeMap::new(), BTreeMap::new());
    for seed in 0..clients {
        let day = Day::of(seed);
        questions += u64::try_from(day.len()).unwrap();
        let shown = shown(day.asked());
        closed += u64::from(shown.closed);
        any.extend(shown.why);
        for control in shown.noted {
            *noted.entry(control).or_insert(0_u64) += 1;
        }
        for control in shown.flagged {
            *flagged.entry(control).or_insert(0_u64) += 1;
        }
    }
    println!(
        "{questions} questions under wildcard rows of {clients} agents: {} flagged {flagged:?}, {closed} cut; noted on names of {noted:?}; {:?}",
        any.len(),
        any.iter().take(5).collect::<Vec<_>>()
    );
    assert!(any.len() * 1_000 < usize::try_from(clients).unwrap(), "{any:?}");
    assert_eq!(closed, 0);
    assert!(questions / clients > 200, "that is no day: {questions}");
}
