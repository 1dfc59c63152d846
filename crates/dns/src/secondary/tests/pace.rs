//! When a zone is asked for, and when it is too old.

use super::*;

#[test]
fn a_zone_is_asked_for_within_bounds_and_expires_within_bounds() {
    let soa = |refresh: u32, retry: u32, expire: u32| {
        let mut data = b"\0\0".to_vec();
        [1, refresh, retry, expire, 1].iter().for_each(|word| data.extend(word.to_be_bytes()));
        Soa::read(1, &data).unwrap()
    };
    let at = |soa: &Soa, last, chance| next(soa, last, chance).as_millis();
    for (refresh, retry, heard, failed) in [
        (0, 0, 60, 10),
        (60, 10, 60, 10),
        (61, 11, 61, 11),
        (86_400, 3_600, 86_400, 3_600),
        (u32::MAX, u32::MAX, 86_400, 3_600),
        // Who fails asks no less often than who does not.
        (300, 3_600, 300, 300),
    ] {
        let soa = soa(refresh, retry, 1);
        assert_eq!(at(&soa, Last::Heard, 0), heard * 1_000);
        assert_eq!(at(&soa, Last::Failed, 0), failed * 1_000);
        assert_eq!(at(&soa, Last::Heard, 255), heard * 900);
    }
    for (expire, edge) in [(0, 3_600), (7_200, 7_200), (u32::MAX, 5_184_000)] {
        let soa = soa(60, 10, expire);
        assert!(!expired(&soa, Duration::from_secs(edge - 1)), "{expire}");
        assert!(expired(&soa, Duration::from_secs(edge)), "{expire}");
    }
}
