//! A response policy zone from a primary, message by message: whatever it sends, reading it ends, what
//! it gives can be kept and asked, and what changed leads to the version that it names.
#![no_main]

use backstop_dns::rpz::Terms;
use backstop_dns::secondary::{Arrived, Image, Limits, Way, read};
use backstop_model::name::QueryName;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let Some(origin) = QueryName::from_text("rpz.fuzz") else { return };
    let limits = Limits { octets: 1 << 20, records: 10_000, messages: 100, ..Limits::default() };
    let Some((first, rest)) = octets.split_first() else { return };
    let mut messages = messages(rest);
    let later = messages.split_off(usize::from(*first).min(messages.len()));
    let whole = messages.iter().map(Vec::as_slice);
    let Ok(Arrived::Whole(image)) = read(whole, &origin, None, Way::Whole, &limits) else { return };
    kept(&image, &origin, &limits);
    let changed = later.iter().map(Vec::as_slice);
    let changes = match read(changed, &origin, Some(image.soa()), Way::Changes, &limits) {
        Ok(Arrived::Changes(changes)) => changes,
        Ok(Arrived::Whole(image)) => return kept(&image, &origin, &limits),
        Ok(Arrived::Current) | Err(_) => return,
    };
    assert_eq!(changes.from(), image.soa().serial());
    if let Ok(new) = changes.apply(&image, &limits) {
        assert_eq!(new.soa().serial(), changes.to().serial());
        kept(&new, &origin, &limits);
        assert!(changes.apply(&new, &limits).is_err() || changes.from() == changes.to().serial());
    }
});

/// Messages, each behind its length, made to look like answers to a query with the id 0.
fn messages(mut octets: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some((length, rest)) = octets.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (message, rest) = rest.split_at(length);
        let mut message = message.to_vec();
        if let Some(head) = message.first_chunk_mut::<4>() {
            *head = [0, 0, 0x84, 0];
        }
        messages.push(message);
        octets = rest;
    }
    messages
}

/// A copy reads as it was written, and its rules can be had or are said to be wrong.
fn kept(image: &Image, origin: &QueryName, limits: &Limits) {
    let mut copy = Vec::new();
    image.write(&mut copy).expect("memory takes it");
    let again = Image::read(copy.as_slice(), origin, limits).expect("it reads again");
    assert_eq!(&again, image);
    match image.zone(Terms::default(), (1, 2)) {
        Ok(zone) => assert!(u64::try_from(zone.len()).is_ok_and(|rules| rules <= image.records())),
        Err(faults) => assert!(!faults.is_empty()),
    }
}
