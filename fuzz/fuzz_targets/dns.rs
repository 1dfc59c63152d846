//! DNS messages: nothing panics; what is read as a query is answered by a whole message with the
//! same question, within its bound; and a query written anew from what was read reads the same.
#![no_main]

use backstop_dns::body::Head;
use backstop_dns::wire::answer::{self, Extended, Finish, Limit};
use backstop_dns::wire::query::{self, Unfit};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &[u8]| {
    let (manner, name) = match query::read(message) {
        Ok(query) => (query.manner, Some((query.name, query.qtype, query.class))),
        Err(Unfit::Answer(_, manner)) => (manner, None),
        Err(Unfit::Silence) => return,
    };
    for limit in [Limit::Unknown, Limit::Known, Limit::Stream] {
        let mut out = Vec::new();
        answer::begin(&mut out, &manner, message);
        answer::soa(&mut out, &manner, 5);
        let head = Head { rcode: 3, answers: 0, authorities: 1 };
        let error = Some(Extended { code: 15, words: ["dns.undeclared", "rcp_0"] });
        let keepalive = Some(std::time::Duration::from_secs(10));
        let cookie = Some([1; 16]);
        answer::finish(&mut out, &manner, &Finish { head, error, cookie, limit, keepalive });
        if limit == Limit::Unknown {
            assert!(out.len() <= 2 * message.len());
        }
        // An answer is never taken for a query.
        assert!(matches!(query::read(&out), Err(Unfit::Silence)));
    }
    let Some((name, qtype, class)) = name else { return };
    let mut anew = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    anew.extend_from_slice(name.as_wire());
    anew.extend_from_slice(&qtype.0.to_be_bytes());
    anew.extend_from_slice(&class.to_be_bytes());
    let again = query::read(&anew).expect("what was read can be written and read");
    assert_eq!((again.name, again.qtype, again.class), (name, qtype, class));
});
