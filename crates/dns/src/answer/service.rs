//! SVCB and HTTPS records (RFC 9460): their address hints are found, `ech` (RFC 9848) is taken out
//! where the server name must stay visible, and keys that nobody here knows go.
//! Must not know the rest of an answer. Next: `image`.

use crate::forward::Failure;
use backstop_model::name::QueryName;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What becomes of `ech`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ech {
    /// It goes.
    Strip,
    /// It stays.
    Keep,
}

/// The data of a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service<'m> {
    /// `SvcPriority`; 0 is the alias form.
    pub(crate) priority: u16,
    /// `TargetName`.
    pub(crate) target: &'m QueryName,
    /// `SvcParams` as they came, keys in rising order.
    pub(crate) params: &'m [u8],
}

impl Service<'_> {
    /// The record's data as it is told; `None` where it cannot be told without what must go. The
    /// addresses of its hints are added to `hints`.
    ///
    /// # Errors
    /// [`Failure::Unacceptable`] if it is malformed: two readers could read it differently.
    pub(crate) fn told(
        self,
        ech: Ech,
        hints: &mut Vec<IpAddr>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let mut told = self.priority.to_be_bytes().to_vec();
        told.extend(self.target.as_wire());
        // RFC 9460 §2.4.2: whoever reads an alias ignores its parameters; so they need not be told.
        if self.priority == 0 {
            return Ok(Some(told));
        }
        let mut mandatory: &[u8] = &[];
        let mut kept = Vec::new();
        let mut rest = self.params;
        while !rest.is_empty() {
            let (key, value, behind) = split(rest).ok_or(Failure::Unacceptable)?;
            match key {
                MANDATORY => mandatory = value,
                ALPN if is_alpn(value) => {}
                NO_DEFAULT_ALPN if value.is_empty() => {}
                PORT if value.len() == 2 => {}
                ALPN | NO_DEFAULT_ALPN | PORT => return Err(Failure::Unacceptable),
                IPV4_HINT => addresses::<4>(value, hints)?,
                IPV6_HINT => addresses::<16>(value, hints)?,
                _ => {}
            }
            let stays = match key {
                MANDATORY | ALPN | NO_DEFAULT_ALPN | PORT | IPV4_HINT | IPV6_HINT => true,
                ECH => ech == Ech::Keep,
                // Whoever does not know a key ignores it, and nobody here knows what it carries.
                _ => false,
            };
            if stays {
                kept.push(key);
                told.extend(rest.get(..rest.len() - behind.len()).unwrap_or_default());
            }
            rest = behind;
        }
        let (needed, odd) = mandatory.as_chunks::<2>();
        if !odd.is_empty() {
            return Err(Failure::Unacceptable);
        }
        let complete = needed.iter().all(|key| kept.contains(&u16::from_be_bytes(*key)));
        Ok(complete.then_some(told))
    }
}

/// The first parameter and what stands behind it.
fn split(params: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (key, rest) = params.split_first_chunk::<2>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (value, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    Some((u16::from_be_bytes(*key), value, rest))
}

/// RFC 9460 §7.1.1: names, each behind its length, at least one and none of them empty.
fn is_alpn(value: &[u8]) -> bool {
    let mut rest = value;
    while let Some((length, behind)) = rest.split_first() {
        match behind.split_at_checked(usize::from(*length)) {
            Some((name, behind)) if !name.is_empty() => rest = behind,
            Some(_) | None => return false,
        }
    }
    !value.is_empty()
}

/// RFC 9460 §7.3: one address behind the other, at least one.
fn addresses<const N: usize>(value: &[u8], hints: &mut Vec<IpAddr>) -> Result<(), Failure> {
    let (addresses, odd) = value.as_chunks::<N>();
    if addresses.is_empty() || !odd.is_empty() {
        return Err(Failure::Unacceptable);
    }
    for address in addresses {
        if let Ok(octets) = <[u8; 4]>::try_from(address.as_slice()) {
            hints.push(Ipv4Addr::from(octets).into());
        } else if let Ok(octets) = <[u8; 16]>::try_from(address.as_slice()) {
            hints.push(Ipv6Addr::from(octets).into());
        }
    }
    Ok(())
}

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4_HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6_HINT: u16 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn param(key: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap().to_be_bytes();
        [&key.to_be_bytes()[..], &length, value].concat()
    }
    fn told(params: &[u8], ech: Ech) -> (Result<Option<Vec<u8>>, Failure>, Vec<IpAddr>) {
        let target = QueryName::from_text("svc.example").unwrap();
        let mut hints = Vec::new();
        let told = Service { priority: 1, target: &target, params }.told(ech, &mut hints);
        (told, hints)
    }
    const HEAD: &[u8] = b"\x00\x01\x03svc\x07example\x00";

    #[test]
    fn ech_goes_and_the_rest_stays() {
        let (alpn, ech) = (param(ALPN, b"\x02h2"), param(ECH, b"secret keys"));
        let hint = param(IPV4_HINT, &[10, 0, 0, 1, 93, 184, 0, 7]);
        let all = [alpn.clone(), hint.clone(), ech].concat();
        let (stripped, hints) = told(&all, Ech::Strip);
        assert_eq!(stripped, Ok(Some([HEAD, &alpn, &hint].concat())));
        assert_eq!(hints, ["10.0.0.1", "93.184.0.7"].map(|ip| ip.parse::<IpAddr>().unwrap()));
        assert_eq!(told(&all, Ech::Keep).0, Ok(Some([HEAD, &all].concat())));
    }

    #[test]
    fn a_record_that_needs_what_goes_is_not_told() {
        let needs = [param(MANDATORY, &[0, 5]), param(ECH, b"keys")].concat();
        assert_eq!(told(&needs, Ech::Strip).0, Ok(None));
        assert!(told(&needs, Ech::Keep).0.unwrap().is_some());
        let unknown = [param(MANDATORY, &[2, 0]), param(512, b"?")].concat();
        assert_eq!(told(&unknown, Ech::Keep).0, Ok(None));
    }

    #[test]
    fn unknown_keys_and_an_aliass_parameters_go() {
        assert_eq!(told(&param(65_280, &[10, 0, 0, 1]), Ech::Keep).0, Ok(Some(HEAD.to_vec())));
        let target = QueryName::from_text("svc.example").unwrap();
        let alias =
            Service { priority: 0, target: &target, params: &param(IPV4_HINT, &[10, 0, 0, 1]) };
        assert_eq!(
            alias.told(Ech::Keep, &mut Vec::new()).unwrap().unwrap(),
            b"\x00\x00\x03svc\x07example\x00"
        );
    }

    #[test]
    fn malformed_parameters_spoil_the_answer() {
        for bad in [
            param(IPV4_HINT, &[]),
            param(IPV4_HINT, &[10, 0, 0]),
            param(IPV6_HINT, &[0; 17]),
            param(MANDATORY, &[0]),
            param(PORT, &[1]),
            param(NO_DEFAULT_ALPN, &[1]),
            param(ALPN, &[]),
            param(ALPN, b"\x00"),
            param(ALPN, b"\x03h2"),
            vec![0, 1, 0],
            vec![0, 1, 0, 9, 1],
        ] {
            assert_eq!(told(&bad, Ech::Strip).0, Err(Failure::Unacceptable), "{bad:?}");
        }
    }
}
