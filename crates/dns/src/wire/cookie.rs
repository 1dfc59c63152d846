//! DNS cookies (RFC 7873) in the interoperable form (RFC 9018): who brings back the one we gave it
//! can read what is sent to its address, so a large answer amplifies nothing. Must not know clocks:
//! the time is handed in. Next: `answer`.

use super::query::Cookie;
use siphasher::sip::SipHasher24;
use siphasher::sip128::{Hasher128 as _, SipHasher24 as SipHasher128};
use std::hash::Hasher as _;
use std::net::IpAddr;

/// Makes and checks server cookies. Copies of one agree with each other.
#[derive(Clone)]
pub struct Cookies {
    secret: [u8; 16],
}

impl Cookies {
    /// Cookies under this secret; draw it at random, or share it between servers of one address.
    #[must_use]
    pub const fn new(secret: [u8; 16]) -> Self {
        Self { secret }
    }

    /// Whether the client brought back a cookie that we gave to this address within the last hour.
    /// `now` is in seconds since 1970.
    #[must_use]
    pub fn proves(&self, cookie: &Cookie, source: IpAddr, now: u32) -> bool {
        let Some(server) = cookie.server else { return false };
        let [_, _, _, _, t0, t1, t2, t3, ..] = server;
        let at = u32::from_be_bytes([t0, t1, t2, t3]);
        // Serial arithmetic (RFC 9018 §4.3): the clock wraps in 2106.
        let age = now.wrapping_sub(at).cast_signed();
        if !(-FUTURE..=PAST).contains(&age) {
            return false;
        }
        // Not in constant time: to guess one by timing, one would need the answers that a right
        // guess makes visible anyway.
        self.make(cookie.client, source, at) == server
    }

    /// The server cookie for this client at this address.
    #[must_use]
    pub fn make(&self, client: [u8; 8], source: IpAddr, at: u32) -> [u8; 16] {
        write(&self.key(at), client, source, at)
    }

    /// The key of the day, so that no key is used longer than that (RFC 7873 §7.1).
    fn key(&self, at: u32) -> [u8; 16] {
        let mut hasher = SipHasher128::new_with_key(&self.secret);
        hasher.write(&(at / DAY).to_be_bytes());
        hasher.finish128().as_bytes()
    }
}

/// Version 1, reserved, time, SipHash-2-4 of all that with client part and address (RFC 9018 §4).
fn write(key: &[u8; 16], client: [u8; 8], source: IpAddr, at: u32) -> [u8; 16] {
    let [t0, t1, t2, t3] = at.to_be_bytes();
    let front = [1, 0, 0, 0, t0, t1, t2, t3];
    let mut hasher = SipHasher24::new_with_key(key);
    hasher.write(&client);
    hasher.write(&front);
    match source {
        IpAddr::V4(four) => hasher.write(&four.octets()),
        IpAddr::V6(six) => hasher.write(&six.octets()),
    }
    // The RFC takes the hash's octets as they stand in memory of the reference code: little-endian.
    let [h0, h1, h2, h3, h4, h5, h6, h7] = hasher.finish().to_le_bytes();
    [1, 0, 0, 0, t0, t1, t2, t3, h0, h1, h2, h3, h4, h5, h6, h7]
}

/// Seconds for which a cookie holds, and by which the clock that made it may be ahead.
const PAST: i32 = 3_600;
const FUTURE: i32 = 300;
const DAY: u32 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        let mut out = [0; N];
        for (byte, pair) in out.iter_mut().zip(hex.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        }
        out
    }

    #[test]
    fn cookies_are_those_of_rfc_9018() {
        // Appendix A: A.1 (first), A.2 (renewed), A.4 (IPv6 and the next secret).
        let key = bytes("e5e973e5a6b2a43f48e7dc849e37bfcf");
        let four: IpAddr = "198.51.100.100".parse().unwrap();
        assert_eq!(
            write(&key, bytes("2464c4abcf10c957"), four, 1_559_731_985),
            bytes("010000005cf79f111f8130c3eee29480")
        );
        assert_eq!(
            write(&key, bytes("2464c4abcf10c957"), four, 1_559_734_385),
            bytes("010000005cf7a871d4a564a1442aca77")
        );
        let key = bytes("445536bcd2513298075a5d379663c962");
        let six: IpAddr = "2001:db8:220:1:59de:d0f4:8769:82b8".parse().unwrap();
        assert_eq!(
            write(&key, bytes("22681ab97d52c298"), six, 1_559_741_961),
            bytes("010000005cf7c609a6bb79d16625507a")
        );
    }

    #[test]
    fn a_cookie_holds_for_its_client_address_and_hour_alone() {
        let cookies = Cookies::new([7; 16]);
        let source: IpAddr = "192.0.2.1".parse().unwrap();
        let at = 1_800_000_000;
        let server = cookies.make([1; 8], source, at);
        let brought = |client, server| Cookie { client, server: Some(server) };
        let good = brought([1; 8], server);
        for now in [at, at + 3_600, at - 300] {
            assert!(cookies.proves(&good, source, now));
        }
        for now in [at + 3_601, at - 301, at.wrapping_add(1 << 31)] {
            assert!(!cookies.proves(&good, source, now));
        }
        assert!(!cookies.proves(&good, "192.0.2.2".parse().unwrap(), at));
        assert!(!cookies.proves(&brought([2; 8], server), source, at));
        assert!(!Cookies::new([8; 16]).proves(&good, source, at));
        assert!(!cookies.proves(&Cookie { client: [1; 8], server: None }, source, at));
        for place in 0..16 {
            let mut forged = server;
            forged[place] ^= 1;
            // Also the version and the reserved octets: they are ours to choose.
            assert!(!cookies.proves(&brought([1; 8], forged), source, at), "octet {place}");
        }
        // Made one second before midnight, brought back after it.
        let eve = 86_399;
        let server = cookies.make([1; 8], source, eve);
        assert!(cookies.proves(&brought([1; 8], server), source, eve + 2));
    }
}
