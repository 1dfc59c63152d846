//! TLS ClientHello messages made by hand: enough of RFC 8446 § 4.1.2 for a reader of SNI, and
//! wrong in exactly the ways that a test asks for. Knows no TLS.

/// What a hand-made ClientHello says.
#[derive(Debug, Clone, Default)]
pub struct Hello {
    /// The server name (RFC 6066 § 3); none leaves the extension out.
    pub sni: Option<String>,
    /// Adds an encrypted_client_hello extension (0xfe0d).
    pub ech: Option<Vec<u8>>,
    /// Pads the hello with that many bytes (RFC 7685), to spread it over records and segments.
    pub padding: usize,
}

/// LIMIT: a TLS record carries at most 2^14 bytes.
const RECORD: usize = 1 << 14;

impl Hello {
    /// A hello for that name.
    pub fn for_name(name: &str) -> Self {
        Self { sni: Some(name.to_owned()), ..Self::default() }
    }

    /// The hello in TLS records of at most `record` bytes each.
    pub fn records(&self, record: usize) -> Vec<u8> {
        let message = self.message();
        let mut out = Vec::new();
        for part in message.chunks(record.clamp(1, RECORD)) {
            out.extend_from_slice(&[22, 3, 1]);
            put_u16(&mut out, part);
        }
        out
    }

    /// The hello in as few records as possible.
    pub fn bytes(&self) -> Vec<u8> {
        self.records(RECORD)
    }

    fn message(&self) -> Vec<u8> {
        let mut extensions = Vec::new();
        if let Some(name) = &self.sni {
            let mut entry = vec![0];
            put_u16(&mut entry, name.as_bytes());
            let mut list = Vec::new();
            put_u16(&mut list, &entry);
            extension(&mut extensions, 0, &list);
        }
        // supported_versions: TLS 1.3; supported_groups: x25519; signature_algorithms: ecdsa_secp256r1_sha256.
        extension(&mut extensions, 43, &[2, 3, 4]);
        extension(&mut extensions, 10, &[0, 2, 0, 29]);
        extension(&mut extensions, 13, &[0, 2, 4, 3]);
        if let Some(ech) = &self.ech {
            extension(&mut extensions, 0xfe0d, ech);
        }
        if self.padding > 0 {
            extension(&mut extensions, 21, &vec![0; self.padding]);
        }
        let mut body = vec![3, 3];
        body.extend_from_slice(&[7; 32]);
        body.push(0);
        put_u16(&mut body, &[0x13, 0x01]);
        body.extend_from_slice(&[1, 0]);
        put_u16(&mut body, &extensions);
        let [_, high, middle, low] =
            u32::try_from(body.len()).expect("a hello is short").to_be_bytes();
        let mut message = vec![1, high, middle, low];
        message.extend_from_slice(&body);
        message
    }
}

fn extension(out: &mut Vec<u8>, kind: u16, data: &[u8]) {
    out.extend_from_slice(&kind.to_be_bytes());
    put_u16(out, data);
}

fn put_u16(out: &mut Vec<u8>, data: &[u8]) {
    out.extend_from_slice(&u16::try_from(data.len()).expect("fits its length field").to_be_bytes());
    out.extend_from_slice(data);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A real TLS implementation reads the name.
    #[test]
    fn rustls_reads_the_name() {
        for record in [1, 7, 100, RECORD] {
            let hello =
                Hello { padding: 300, ..Hello::for_name("api.weather.example") }.records(record);
            let mut acceptor = rustls::server::Acceptor::default();
            let mut rest = hello.as_slice();
            let accepted = loop {
                assert!(!rest.is_empty(), "no hello in records of {record}");
                acceptor.read_tls(&mut rest).expect("read");
                if let Ok(Some(accepted)) = acceptor.accept() {
                    break accepted;
                }
            };
            assert_eq!(accepted.client_hello().server_name(), Some("api.weather.example"));
        }
    }
}
