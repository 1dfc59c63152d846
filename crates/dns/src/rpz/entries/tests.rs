//! Entries of a zone file, cut apart and bounded.

use super::*;
use expect_test::{Expect, expect};

fn read(text: &[u8], most: u64) -> io::Result<String> {
    let origin = QueryName::from_text("rpz.example").unwrap();
    let mut entries = Entries::new(text, &origin, most);
    let mut out = String::new();
    while let Some((line, item)) = entries.next()? {
        out.push_str(&match item {
            Item::Record(Record { owner, rtype, ttl, data }) => {
                let alias = if rtype == QueryType::CNAME || rtype == QueryType::NS {
                    QueryName::parse(&data).unwrap().to_string()
                } else {
                    format!("[{} octets]", data.len())
                };
                format!("{line} {owner} {ttl} {rtype} {alias}\n")
            }
            Item::Fault(text) => format!("{line} FAULT {text}\n"),
        });
    }
    Ok(out)
}

#[track_caller]
fn check(text: &str, expected: Expect) {
    expected.assert_eq(&read(text.as_bytes(), 1 << 20).unwrap());
}

#[test]
fn master_files_are_read_with_all_that_they_may_hold() {
    check(
        "$TTL 2h ; two hours\n\
         @ IN SOA ns.example. host.example. ( 7 ; serial\n  1h 15m 30d\n 2h )\n\
         \tNS localhost.\n\
         bad.example CNAME .\r\n\
         *.bad.example 60 IN CNAME *.\n\
         $ORIGIN sub\n\
         IN 1h CNAME rpz-drop.\n\
         B\\097d CNAME rpz-Passthru.\n\
         \tTXT \"a ; b\" \"(\"\n\
         $ORIGIN .\n\
         odd\\.dot.rpz.example. A 192.0.2.1",
        expect![[r#"
            2 rpz.example 7200 SOA [46 octets]
            5 rpz.example 7200 NS localhost
            6 bad.example.rpz.example 7200 CNAME .
            7 *.bad.example.rpz.example 60 CNAME *
            9 in.sub.rpz.example 3600 CNAME rpz-drop
            10 bad.sub.rpz.example 7200 CNAME rpz-passthru
            11 bad.sub.rpz.example 7200 TXT [8 octets]
            13 odd\.dot.rpz.example 7200 A [4 octets]
        "#]],
    );
}

#[test]
fn every_fault_is_found_and_spoils_its_own_entry_alone() {
    check(
        "first CNAME\n\
         \tA 192.0.2.1\n\
         good CNAME .\n\
         $INCLUDE /etc/passwd\n\
         $GENERATE 1-9999999 a$ CNAME .\n\
         $BOMB x\n\
         a A 192.0.2.300\n\
         b CNAME ( .\n\
         ( ) )\n\
         c TXT \"open\n\
         d CH CNAME .\n\
         e CNAME . extra\n\
         \0 CNAME .\n\
         f CNAME .\n",
        expect![[r#"
            1 FAULT unexpected end of entry
            3 good.rpz.example 3600 CNAME .
            4 FAULT `$INCLUDE` is not followed: a zone is one file
            5 FAULT `$GENERATE` is not followed: write the records out
            6 FAULT `$BOMB` is no directive
            7 FAULT expected IPv4 address
            8 FAULT a parenthesis stands within another
            10 FAULT a quote is not closed in its line
            11 FAULT its class is CH, not IN
            12 FAULT trailing tokens
            13 FAULT a control character stands outside quotes
            14 f.rpz.example 3600 CNAME .
        "#]],
    );
}

#[test]
fn nesting_and_size_are_bounded() {
    check(
        &format!("a CNAME {} .\n b CNAME .\n", "(".repeat(200_000)),
        expect![[r#"
        1 FAULT a parenthesis stands within another
    "#]],
    );
    check(
        &format!("a TXT \"{}\"\nb CNAME .\n", "x".repeat(300_000)),
        expect![[r#"
        1 FAULT a quote is not closed in its line
        2 b.rpz.example 3600 CNAME .
    "#]],
    );
    check(
        &format!("a TXT ( {} )\nb CNAME .\n", "\n x".repeat(90_000)),
        expect![[r#"
        1 FAULT the entry is longer than 65536 octets
        90002 b.rpz.example 3600 CNAME .
    "#]],
    );
    let fault = read(&b"a CNAME .\n".repeat(1_000), 5_000).unwrap_err();
    expect!["it is larger than 5000 octets"].assert_eq(&fault.to_string());
    // A line without an end is bounded too.
    assert!(read(&vec![b'x'; 3 << 20], 1 << 20).is_err());
}

#[test]
fn no_octets_make_it_fail_otherwise_than_by_a_fault() {
    // A small generator of its own: the same octets each time.
    let mut state = 1u64;
    let mut next = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap()
    };
    let words: &[&[u8]] = &[
        b"a",
        b"*",
        b"@",
        b"$TTL",
        b"$ORIGIN",
        b"1h",
        b"IN",
        b"CNAME",
        b".",
        b"\n",
        b"\n",
        b"\n",
        b" ",
        b"(",
        b")",
        b"\"",
        b";",
        b"\\",
        b"\\300",
        b"\\0",
        b"A",
        b"AAAA",
        b"TXT",
        b"SOA",
        b"HTTPS",
        b"192.0.2.1",
        b"::1",
        b"\\#",
        b"4",
        b"rpz-drop.",
        b"\xff",
        b"\t",
        b"TYPE9",
        b"alpn=h2",
        b"1",
    ];
    for _ in 0..3_000 {
        let text: Vec<u8> = (0..30)
            .flat_map(|_| {
                [words[next() % words.len()], if next() % 4 == 0 { b"" } else { b" " }].concat()
            })
            .collect();
        read(&text, 1 << 20).unwrap();
    }
}
