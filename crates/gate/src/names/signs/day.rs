//! A made-up day of one agent's questions under wildcard rows, drawn from a seed: what kinds of hosts
//! such rows are made for, how these are called, how often they are asked and what is answered.
//!
//! The model, each share per agent and day: 2 to 6 of the services below; 1 to 8 tasks, in each of
//! which its hosts are asked in bursts; A, AAAA and HTTPS of one name at once; one question in ten
//! again; one name in thirty does not exist (a feature that is off, a slip of the pen); answers
//! that rotate among the addresses of a pool. Exact rows and search suffixes are not judged and
//! therefore not here.

use backstop_model::host::HostName;
use backstop_model::name::{QueryName, QueryType};

/// A question, and what came of it.
pub(super) struct Asked<'n> {
    pub(super) base: &'n HostName,
    pub(super) name: &'n QueryName,
    pub(super) qtype: QueryType,
    pub(super) second: i64,
    pub(super) exists: bool,
    /// The data of each record.
    pub(super) told: Vec<Vec<u8>>,
}

/// One agent's day.
pub(super) struct Day {
    hosts: Vec<(HostName, QueryName)>,
    /// Which host, type, second, whether it exists, and which draw of its pool.
    asked: Vec<(usize, QueryType, i64, bool, u64)>,
}

/// A service: the base of its row, how many hosts an agent meets in a day at most, how they are called.
type Service = (&'static str, u64, fn(&mut Draw) -> String);

const SERVICES: [Service; 14] = [
    ("tiles.example", 8, |draw| {
        format!("{}.{}", draw.of(&["a", "b", "c", "d"]), draw.of(&["base", "sat"]))
    }),
    ("cdn.example", 16, |draw| format!("edge-{}.{}", draw.below(40), draw.of(REGIONS))),
    ("registry.example", 6, |draw| {
        draw.of(&["index", "files", "static", "cdn", "auth", "mirror-eu"]).to_owned()
    }),
    ("store.example", 5, |draw| {
        format!("{}-{}-{}", draw.of(WORDS), draw.of(WORDS), draw.of(&["prod", "dev", "logs"]))
    }),
    // Accounts of twelve digits, as clouds number them.
    ("cloud.example", 4, |draw| {
        format!("{:012}.dkr.ecr.{}", draw.below(1_000_000_000_000), draw.of(REGIONS))
    }),
    ("queue.example", 6, |draw| {
        format!("{}.{}", draw.of(&["sqs", "sns", "kms", "sts"]), draw.of(REGIONS))
    }),
    // Previews of a branch, with the hash of a commit.
    ("preview.example", 5, |draw| {
        format!("{}-git-{}-{}", draw.of(WORDS), draw.hex(7), draw.of(WORDS))
    }),
    ("assets.example", 3, |draw| {
        format!("{}-{}-{}-{}-{}", draw.hex(8), draw.hex(4), draw.hex(4), draw.hex(4), draw.hex(12))
    }),
    ("video.example", 8, |draw| format!("r{}---sn-{}", draw.below(20), draw.base36(8))),
    ("ingress.example", 12, |draw| {
        format!("{}.{}", draw.of(WORDS), draw.of(&["staging", "prod", "qa"]))
    }),
    // A distribution of a CDN, its name drawn once and used by all: 14 symbols.
    ("front.example", 4, |draw| format!("d{}", draw.base36(13))),
    ("docs.example", 10, |draw| format!("{}-{}.readthedocs", draw.of(WORDS), draw.of(WORDS))),
    ("model.example", 6, |draw| format!("{}.{}.inference", draw.of(WORDS), draw.of(REGIONS))),
    // Names of CDNs that trip entropy and length: `dns.entropy` is meant to note them.
    ("long.example", 2, |draw| {
        format!(
            "{}-{}-{}-deployment-{}",
            draw.of(WORDS),
            draw.of(WORDS),
            draw.base36(10),
            draw.base36(10)
        )
    }),
];

const REGIONS: &[&str] = &["eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "ap-southeast-2"];
const WORDS: &[&str] = &[
    "search", "billing", "orders", "catalog", "weather", "forecast", "gateway", "reports",
    "metrics", "payments", "identity", "profile", "images", "vector", "crawler", "planner",
    "notes", "calendar", "mailer", "ledger", "pricing", "support", "chat", "agent",
];

impl Day {
    /// The day of the agent of that seed.
    pub(super) fn of(seed: u64) -> Self {
        let draw = &mut Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bf0_3635);
        let (mut hosts, mut asked) = (Vec::new(), Vec::new());
        let first = draw.below(SERVICES.len() as u64);
        for service in 0..2 + draw.below(5) {
            let index = usize::try_from((first + service * 3) % SERVICES.len() as u64).unwrap();
            let (base, most, name) = SERVICES[index];
            let begin = hosts.len();
            for _ in 0..1 + draw.below(most) {
                let text = format!("{}.{base}", name(draw));
                let host = QueryName::from_text(&text).unwrap();
                hosts.push((HostName::parse(base).unwrap(), host));
            }
            for _task in 0..1 + draw.below(8) {
                let start = draw.below(86_000);
                for host in begin..hosts.len() {
                    if draw.below(3) == 0 {
                        continue;
                    }
                    let exists = draw.below(30) != 0;
                    for again in 0..1 + draw.below(6) + u64::from(draw.below(10) == 0) {
                        let second = start + again * (1 + draw.below(60));
                        for qtype in [QueryType::A, QueryType::AAAA, QueryType::HTTPS] {
                            let second = i64::try_from(second.min(86_399)).unwrap();
                            asked.push((host, qtype, second, exists, draw.next()));
                        }
                    }
                }
            }
        }
        asked.sort_by_key(|(_, _, second, _, _)| *second);
        Self { hosts, asked }
    }

    /// How many questions it has.
    pub(super) fn len(&self) -> usize {
        self.asked.len()
    }

    /// Its questions, in order.
    pub(super) fn asked(&self) -> impl Iterator<Item = Asked<'_>> {
        self.asked.iter().map(|(host, qtype, second, exists, draw)| {
            let (base, name) = &self.hosts[*host];
            let told = if *exists {
                told(*host, *qtype, *draw)
            } else {
                vec![b"soa of the zone".to_vec()]
            };
            Asked { base, name, qtype: *qtype, second: *second, exists: *exists, told }
        })
    }
}

/// An alias, and 4 addresses out of a pool of 32 that all hosts of a client share by eights.
fn told(host: usize, qtype: QueryType, draw: u64) -> Vec<Vec<u8>> {
    let draw = &mut Draw(draw);
    let pool = u8::try_from(host % 8).unwrap();
    let mut records = vec![format!("{host:04}.edge.provider.example").into_bytes()];
    for _ in 0..4 {
        let member = u8::try_from(draw.below(32)).unwrap();
        records.push(match qtype {
            QueryType::A => vec![203, 0, pool, member],
            QueryType::AAAA => {
                [vec![0x20, 1, 0x0d, 0xb8, pool], vec![0; 10], vec![member]].concat()
            }
            _ => b"\x00\x01\x00\x00\x01\x00\x06\x02h3\x02h2".to_vec(),
        });
    }
    records
}

/// Numbers that are the same at every run (splitmix64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let state = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^ (state >> 31)
    }
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
    fn of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
    fn text(&mut self, symbols: &[u8], length: usize) -> String {
        let mut one =
            || char::from(symbols[usize::try_from(self.below(symbols.len() as u64)).unwrap()]);
        (0..length).map(|_| one()).collect()
    }
    fn hex(&mut self, length: usize) -> String {
        self.text(b"0123456789abcdef", length)
    }
    fn base36(&mut self, length: usize) -> String {
        self.text(b"abcdefghijklmnopqrstuvwxyz0123456789", length)
    }
}
