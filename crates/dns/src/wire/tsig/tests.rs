//! Signatures: made, checked, forged, and one of dig.

use super::*;
use proptest::prelude::*;

const NOW: u64 = 1_800_000_000;

fn key(name: &str, algorithm: Algorithm) -> Key {
    Key::new(QueryName::from_text(name).unwrap(), algorithm, &[7; 32]).unwrap()
}

fn query() -> Vec<u8> {
    let mut out = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    out.extend_from_slice(b"\x03rpz\x08backstop\0");
    out.extend_from_slice(&[0, 252, 0, 1]);
    out
}

fn answer(number: u8) -> Vec<u8> {
    let mut out = vec![0x12, 0x34, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    out.extend_from_slice(&[1, b'a', 0, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, number]);
    out
}

#[test]
fn a_query_and_its_answers_are_believed() {
    for algorithm in Algorithm::ALL {
        let key = key("transfer.example", algorithm);
        let mut asked = query();
        let mut checker = key.sign(&mut asked, NOW);
        let mut signed = verify(&asked, std::slice::from_ref(&key), NOW + 299).unwrap().unwrap();
        assert_eq!(signed.message, query());
        assert_eq!(signed.mac.len(), algorithm.length());
        for number in 0..3 {
            let mut told = answer(number);
            let before = told.len();
            signed.signer.sign(&mut told, NOW);
            assert_eq!(told.len(), before + signed.signer.length());
            assert_eq!(checker.check(&told, NOW), Ok(answer(number)));
            assert!(checker.complete());
        }
    }
}

#[test]
fn an_unsigned_query_is_none_and_never_one_of_a_key() {
    assert!(verify(&query(), &[key("k", Algorithm::Sha256)], NOW).unwrap().is_none());
}

#[test]
fn every_changed_octet_is_noticed() {
    let key = key("k", Algorithm::Sha256);
    let mut asked = query();
    let _checker = key.sign(&mut asked, NOW);
    for place in 0..asked.len() {
        // The id on the wire is not signed (the original one is): forwarders change it.
        if place < 2 {
            continue;
        }
        for bit in [1, 0x20, 0x80] {
            let mut forged = asked.clone();
            forged[place] ^= bit;
            match verify(&forged, std::slice::from_ref(&key), NOW) {
                Err(_) | Ok(None) => {}
                // Names are signed in lower case.
                Ok(Some(_)) => assert!(forged.eq_ignore_ascii_case(&asked), "octet {place}"),
            }
        }
    }
}

#[test]
fn wrong_key_algorithm_time_and_length_have_their_errors() {
    let (ours, other) = (key("k", Algorithm::Sha256), key("k", Algorithm::Sha512));
    let faults =
        |asked: &[u8], keys: &[Key], now| verify(asked, keys, now).map(|_| ()).unwrap_err();
    let mut asked = query();
    let mut checker = ours.sign(&mut asked, NOW);
    let denied = faults(&asked, &[other], NOW);
    assert_eq!((denied.fault(), denied.rcode()), (Fault::Key, 9));
    let stranger = Key::new(ours.name().clone(), Algorithm::Sha256, &[8; 32]).unwrap();
    let denied = faults(&asked, &[stranger], NOW);
    assert_eq!(denied.fault(), Fault::Signature);
    // Neither is answered under a signature.
    let mut told = answer(0);
    denied.seal(&mut told, NOW);
    assert_eq!(checker.check(&told, NOW), Err(Fault::Told(16)));
    for now in [NOW + 301, NOW - 301, 0, u64::MAX >> 16] {
        assert_eq!(faults(&asked, std::slice::from_ref(&ours), now).fault(), Fault::Time, "{now}");
    }
    // A wrong time is told under a signature, with our time in it.
    let denied = faults(&asked, std::slice::from_ref(&ours), NOW + 1_000);
    let mut told = answer(0);
    denied.seal(&mut told, NOW + 1_000);
    assert!(told.ends_with(&(NOW + 1_000).to_be_bytes()[2..]));
    assert_eq!(checker.check(&told, NOW), Err(Fault::Told(18)));
    // Half of a MAC is what others would take.
    let found = record::find(&asked).unwrap().unwrap();
    for (length, fault) in [
        (16, Fault::Truncated),
        (31, Fault::Truncated),
        (15, Fault::Malformed),
        (0, Fault::Signature),
    ] {
        let mut cut = query();
        let mac = &found.mac[..length];
        record::append(
            &mut cut,
            &found.key,
            Algorithm::Sha256.wire(),
            &found.tail,
            mac,
            [0x12, 0x34],
        );
        assert_eq!(faults(&cut, std::slice::from_ref(&ours), NOW).fault(), fault, "{length}");
    }
}

#[test]
fn a_far_fudge_buys_no_time() {
    let key = key("k", Algorithm::Sha256);
    let plain = query();
    let tail = Tail { time: NOW, fudge: u16::MAX, error: 0, other: &[] };
    let mut context = key.context();
    context.update(&plain);
    context.update(&tail.variables(key.name(), key.algorithm()));
    let mut asked = plain;
    attach(&mut asked, &key, &tail, context.sign().as_ref());
    assert!(verify(&asked, std::slice::from_ref(&key), NOW + 300).unwrap().is_some());
    assert_eq!(verify(&asked, &[key], NOW + 301).unwrap_err().fault(), Fault::Time);
}

#[test]
fn a_second_signature_or_one_that_is_not_last_is_malformed() {
    let key = key("k", Algorithm::Sha256);
    let mut twice = query();
    let _first = key.sign(&mut twice, NOW);
    let _second = key.sign(&mut twice, NOW);
    assert_eq!(
        verify(&twice, std::slice::from_ref(&key), NOW).unwrap_err().fault(),
        Fault::Malformed
    );
    let mut followed = query();
    let _checker = key.sign(&mut followed, NOW);
    followed.extend_from_slice(&[0, 0, 41, 4, 0xD0, 0, 0, 0, 0, 0, 0]);
    followed[11] += 1;
    assert_eq!(
        verify(&followed, std::slice::from_ref(&key), NOW).unwrap_err().fault(),
        Fault::Malformed
    );
    let mut trailing = query();
    let _checker = key.sign(&mut trailing, NOW);
    trailing.push(0);
    assert_eq!(verify(&trailing, &[key], NOW).unwrap_err().fault(), Fault::Malformed);
}

#[test]
fn answers_left_out_moved_repeated_or_of_another_query_are_noticed() {
    let key = key("k", Algorithm::Sha256);
    let told = |asked: &[u8]| {
        let mut signed = verify(asked, std::slice::from_ref(&key), NOW).unwrap().unwrap();
        [0, 1, 2].map(|number| {
            let mut told = answer(number);
            signed.signer.sign(&mut told, NOW);
            told
        })
    };
    let mut asked = query();
    let _checker = key.sign(&mut asked, NOW);
    let [first, second, third] = told(&asked);
    for order in
        [vec![&first, &third], vec![&second], vec![&first, &first], vec![&first, &second, &second]]
    {
        let mut checker = key.sign(&mut query(), NOW);
        let results: Vec<_> = order.iter().map(|told| checker.check(told, NOW)).collect();
        assert_eq!(results.last(), Some(&Err(Fault::Signature)), "{results:?}");
    }
    // The same question a second later is another question.
    let mut checker = key.sign(&mut query(), NOW + 1);
    assert_eq!(checker.check(&first, NOW), Err(Fault::Signature));
}

#[test]
fn answers_between_signed_ones_count_once_a_signature_covers_them() {
    let key = key("k", Algorithm::Sha256);
    let run = |unsigned: usize, forged: bool| {
        let mut asked = query();
        let mut checker = key.sign(&mut asked, NOW);
        let mut signed = verify(&asked, std::slice::from_ref(&key), NOW).unwrap().unwrap();
        let mut first = answer(0);
        signed.signer.sign(&mut first, NOW);
        checker.check(&first, NOW).unwrap();
        // What a server does that signs now and then.
        let mut context = begun(&key, &signed.signer.prior);
        for number in 0..unsigned {
            let number = u8::try_from(number).unwrap();
            context.update(&answer(number));
            checker.check(&answer(if forged { 200 } else { number }), NOW)?;
            assert!(!checker.complete());
        }
        let mut last = answer(9);
        let tail = Tail { time: NOW, fudge: FUDGE, error: 0, other: &[] };
        context.update(&last);
        context.update(&tail.timers());
        attach(&mut last, &key, &tail, context.sign().as_ref());
        let whole = checker.check(&last, NOW);
        assert_eq!(checker.complete(), whole.is_ok());
        whole
    };
    assert_eq!(run(1, false), Ok(answer(9)));
    assert_eq!(run(99, false), Ok(answer(9)));
    assert_eq!(run(100, false), Err(Fault::Unsigned));
    assert_eq!(run(1, true), Err(Fault::Signature));
    let mut checker = key.sign(&mut query(), NOW);
    assert_eq!(checker.check(&answer(0), NOW), Err(Fault::Unsigned), "the first must be signed");
}

#[test]
fn what_dig_signed_is_believed() {
    // dig 9.18 `-y hmac-sha256:transfer.key:MDEyMzQ1Njc4OWFiY2RlZg== rpz.backstop SOA +noedns`.
    let asked = DIG;
    let key = Key::parse("hmac-sha256:transfer.key:MDEyMzQ1Njc4OWFiY2RlZg==").unwrap();
    let found = record::find(asked).unwrap().unwrap();
    let signed = verify(asked, &[key], found.tail.time).unwrap().unwrap();
    let name = crate::wire::query::read(&signed.message).unwrap().name;
    assert_eq!(name.to_string(), "rpz.backstop");
}

#[test]
fn keys_are_read_in_both_forms_and_shown_to_nobody() {
    let secret = "MDEyMzQ1Njc4OWFiY2RlZg==";
    let clause =
        format!("key \"Transfer.Key\" {{\n\talgorithm hmac-sha512;\n\tsecret \"{secret}\";\n}};\n");
    for text in [clause, format!("hmac-sha512:transfer.key:{secret}\n")] {
        let key = Key::parse(&text).unwrap();
        assert_eq!(format!("{key:?}"), "Key(hmac-sha512 transfer.key)");
    }
    for (text, fault) in [
        ("", KeyFault::Form),
        ("key a { secret \"MDEyMzQ1Njc4OWFiY2RlZg==\"; };", KeyFault::Form),
        (
            "key a { algorithm hmac-sha256; secret \"MDEyMzQ1Njc4OWFiY2RlZg==\"; }; more",
            KeyFault::Form,
        ),
        ("hmac-md5:a:MDEyMzQ1Njc4OWFiY2RlZg==", KeyFault::Algorithm),
        ("hmac-sha256:a..b:MDEyMzQ1Njc4OWFiY2RlZg==", KeyFault::Name),
        ("hmac-sha256:a:!", KeyFault::Secret),
        ("hmac-sha256:a:c2hvcnQ=", KeyFault::Short),
    ] {
        assert_eq!(Key::parse(text).unwrap_err(), fault, "{text}");
    }
}

#[test]
fn a_compressed_owner_is_read_and_a_circle_is_not() {
    let key = key("rpz.backstop", Algorithm::Sha256);
    let mut asked = query();
    let _checker = key.sign(&mut asked, NOW);
    let mut compressed = query();
    compressed.extend_from_slice(&[0xC0, 12]);
    compressed.extend_from_slice(&asked[query().len() + key.name().as_wire().len()..]);
    compressed[11] = 1;
    assert!(verify(&compressed, std::slice::from_ref(&key), NOW).unwrap().is_some());
    let at = u8::try_from(query().len()).unwrap();
    compressed[usize::from(at) + 1] = at;
    assert_eq!(verify(&compressed, &[key], NOW).unwrap_err().fault(), Fault::Malformed);
}

const DIG: &[u8] =
    b"\x72\x32\x01\x20\x00\x01\x00\x00\x00\x00\x00\x01\x03\x72\x70\x7a\x08\x62\x61\x63\x6b\x73\
    \x74\x6f\x70\x00\x00\x06\x00\x01\x08\x74\x72\x61\x6e\x73\x66\x65\x72\x03\x6b\x65\x79\x00\
    \x00\xfa\x00\xff\x00\x00\x00\x00\x00\x3d\x0b\x68\x6d\x61\x63\x2d\x73\x68\x61\x32\x35\x36\
    \x00\x00\x00\x6b\x03\x8e\x0f\x01\x2c\x00\x20\x7c\x35\xfc\x50\x09\xc0\x2c\x8b\xa2\x5e\x44\
    \xe1\x97\x12\x65\xea\x39\xd7\x89\x57\x44\x51\xe2\x2b\xf5\xd0\x18\xc2\x4c\xe8\xef\xc4\x72\
    \x32\x00\x00\x00\x00";

proptest! {
    #[test]
    fn no_octets_stop_it(octets in prop::collection::vec(any::<u8>(), 0..300), at in 0usize..100) {
        let key = key("k", Algorithm::Sha256);
        let mut message = query();
        let mut checker = key.sign(&mut message, NOW);
        let at = at.min(message.len());
        message.splice(at.., octets);
        let _any = verify(&message, &[key], NOW);
        let _any = checker.check(&message, NOW);
    }
}
