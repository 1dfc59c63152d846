//! Signs in names: what each sees, what each lets be, and what it holds at most.

use super::*;
use std::hash::{BuildHasher as _, RandomState};

fn name(text: &str) -> QueryName {
    QueryName::from_text(text).unwrap()
}

fn shape(text: &str) -> Shape {
    Shape::of(name(text).labels())
}

/// Random octets that are the same at every run.
fn octets(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(count)
    .collect()
}

fn coded(seed: u64, count: usize, alphabet: &[u8]) -> String {
    octets(seed, count)
        .iter()
        .map(|o| char::from(alphabet[usize::from(*o) % alphabet.len()]))
        .collect()
}

const HEX: &[u8] = b"0123456789abcdef";
const BASE32: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";
const BASE36: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

#[test]
fn labels_over_40_characters_are_a_sign() {
    assert!(!shape(&"a".repeat(40)).is_long());
    assert!(shape(&"a".repeat(41)).is_long());
}

#[test]
fn entropy_is_judged_above_four_bits_and_never_at_them() {
    assert!(!shape("0123456789abcdef").is_dense(), "16 characters cannot exceed 4.0");
    assert!(!shape("0123456789abcdef0123456789abcdef").is_dense(), "exactly 4.0");
    assert!(shape("0123456789abcdefg").is_dense());
    assert!(!shape("0123456789abcdef.g").is_dense(), "each label for itself");
    for seed in 0..200 {
        assert!(!shape(&coded(seed, 40, HEX)).is_dense(), "hexadecimal cannot exceed 4.0");
    }
}

#[test]
fn codes_are_read_and_names_are_not() {
    let share = |count: usize, alphabet: &[u8], length: usize| {
        let read = |seed: &u64| shape(&coded(*seed, length, alphabet)).coding != Coding::None;
        (0..count as u64).filter(read).count() * 100 / count
    };
    assert!(share(500, HEX, 16) >= 95, "{}", share(500, HEX, 16));
    assert!(share(500, BASE32, 32) >= 80, "{}", share(500, BASE32, 32));
    assert!(share(500, BASE36, 32) >= 80, "{}", share(500, BASE36, 32));
    assert_eq!(shape("correct-horse.battery-staple").coding, Coding::Words);
    for plain in [
        "www",
        "api",
        "a.tile",
        "eu-west-1.console",
        "server12.region4.prod",
        "0-prod-dynamite-prod-00-us-signaler-pa.clients6",
        "outlook.office365",
        "login.microsoftonline",
    ] {
        assert_eq!(shape(plain).coding, Coding::None, "{plain}");
    }
    assert_eq!(Shape::of(QueryName::parse(b"\x03a\xffb\x00").unwrap().labels()).strange, 1);
}

#[test]
fn names_of_random_symbols_are_told_together_from_hosts_that_people_name() {
    let mix = |names: &[String]| {
        let mut mix = Mix::default();
        for text in names {
            mix.add(name(text).labels());
        }
        mix.is_random()
    };
    for (alphabet, length, count) in
        [(BASE36, 8, 15), (BASE36, 4, 35), (BASE32, 8, 25), (HEX, 8, 15), (HEX, 16, 12)]
    {
        let read = (0..200_u64).filter(|seed| {
            let one = |n: u64| coded(seed * 1_000 + n + 1, length, alphabet);
            mix(&(0..count).map(one).collect::<Vec<_>>())
        });
        let read = read.count();
        assert!(read >= 180, "{length} of {}: {read} of 200", alphabet.len());
    }
    let hosts = |form: &dyn Fn(u64) -> String| (0..60).map(form).collect::<Vec<_>>();
    assert!(!mix(&hosts(&|n| format!("server{n}.rack{}.prod", n % 7))));
    assert!(!mix(&hosts(&|n| format!("n{n}"))));
    assert!(!mix(&hosts(&|n| format!("edge-{n}.eu-west-{}", n % 3))));
    assert!(!mix(&hosts(&|n| format!("{}.tile{}", ["a", "b", "c"][n as usize % 3], n))));
    assert!(!mix(&hosts(&|n| format!("ec2-{}-{}-17-9.compute-1", n, n * 3))));
}

#[test]
fn the_hundredth_unique_name_within_a_minute_is_the_one() {
    let mut rate = UniqueRate::default();
    let second = 1_000_000_i64;
    for n in 0..99_u64 {
        assert!(rate.add(n, 0) < RATE_NAMES);
    }
    assert_eq!(rate.add(98, 59 * second), 99, "asked twice is one name");
    assert_eq!(rate.add(1_000, 59 * second), 100);
    assert_eq!(rate.add(1_001, 61 * second), 3, "the minute slides: the rest is forgotten");
    let mut slow = UniqueRate::default();
    for n in 0..1_000_u64 {
        // 98 a minute.
        let at = i64::try_from(n).unwrap() * 60 * second / 98;
        assert!(slow.add(n, at) < RATE_NAMES, "{n}");
    }
    for n in 0..100_000_u64 {
        slow.add(n, 0);
    }
    assert!(slow.add(0, 0) <= 128, "memory is bounded");
}

#[test]
fn distinct_octets_are_exact_at_first_and_close_later() {
    let hasher = RandomState::new();
    let mut volume = DistinctVolume::default();
    for n in 0..100_u32 {
        assert!(volume.add(hasher.hash_one(n), 20));
        assert!(!volume.add(hasher.hash_one(n), 20), "a name that is asked again adds nothing");
    }
    assert_eq!(volume.octets(), 2_000);
    for n in 100..20_000_u32 {
        volume.add(hasher.hash_one(n), 20);
    }
    let (found, truth) = (volume.octets() as f64, 400_000.0);
    assert!((found / truth - 1.0).abs() < 0.35, "{found}");
    let before = volume.octets();
    for n in 0..20_000_u32 {
        volume.add(hasher.hash_one(n), 20);
    }
    assert_eq!(volume.octets(), before, "the same names again add nothing");
}

#[test]
fn registered_domains_follow_the_public_suffix_list() {
    for (text, expected) in [
        ("a.b.evil.example", "evil.example"),
        ("evil.example", "evil.example"),
        ("a.shop.co.uk", "shop.co.uk"),
        ("x.y.github.io", "y.github.io"),
        ("bucket.s3.eu-west-1.amazonaws.com", "bucket.s3.eu-west-1.amazonaws.com"),
        ("com", "com"),
        ("localhost", "localhost"),
        (".", "."),
    ] {
        assert_eq!(registered_domain(&name(text)).to_string(), expected);
    }
    let dotted = QueryName::parse(b"\x05a.com\x04evil\x07example\x00").unwrap();
    assert_eq!(registered_domain(&dotted).to_string(), "evil.example");
    assert_eq!(registered_text("a.b.shop.co.uk"), "shop.co.uk");
}
