//! Records written against a question that stands at offset 12, as `body` says.
//! Must not know where they come from. Next: `reading`.

use crate::body::{Head, records_begin};
use crate::cache::Image;
use crate::forward::Failure;
use backstop_model::name::{CLASS_IN, QueryName, QueryType};

/// Writes records, one behind the other.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    octets: Vec<u8>,
    ttl_at: Vec<u16>,
    answers: u16,
    begin: usize,
    /// The offset in a message at which the present owner's name stands.
    owner: u16,
}

impl Writer {
    /// Behind a question for `name`.
    pub(crate) fn new(name: &QueryName) -> Self {
        let begin = records_begin(name.as_wire().len());
        Self { octets: Vec::new(), ttl_at: Vec::new(), answers: 0, begin, owner: QUESTION }
    }

    /// The present owner is an alias of `target`, who owns what follows.
    pub(crate) fn alias(&mut self, target: &QueryName) {
        self.head(Owner::Pointer(self.owner), QueryType::CNAME);
        self.length(target.as_wire().len());
        // At most 16 aliases of 255 octets: within the 14 bits of a pointer.
        self.owner = u16::try_from(self.begin + self.octets.len()).unwrap_or(QUESTION);
        self.octets.extend(target.as_wire());
        self.answers += 1;
    }

    /// A record of the present owner.
    ///
    /// # Errors
    /// [`Failure::Unacceptable`] past the bound of an answer.
    pub(crate) fn record(&mut self, rtype: QueryType, data: &[u8]) -> Result<(), Failure> {
        if matches!(rtype, QueryType::A | QueryType::AAAA) && usize::from(self.answers) >= TOLD {
            // What is left out is judged all the same.
            return Ok(());
        }
        self.head(Owner::Pointer(self.owner), rtype);
        self.length(data.len());
        self.octets.extend(data);
        self.answers += 1;
        self.bounded()
    }

    /// A record of the authority section.
    ///
    /// # Errors
    /// [`Failure::Unacceptable`] past the bound of an answer.
    pub(crate) fn authority(
        &mut self,
        owner: &QueryName,
        rtype: QueryType,
        data: &[u8],
    ) -> Result<(), Failure> {
        self.head(Owner::Name(owner), rtype);
        self.length(data.len());
        self.octets.extend(data);
        self.bounded()
    }

    /// The records, with these in the authority section.
    pub(crate) fn finish(self, rcode: u8, authorities: u16) -> Image {
        let head = Head { rcode, answers: self.answers, authorities };
        Image::new(head, self.octets, &self.ttl_at)
    }

    fn head(&mut self, owner: Owner<'_>, rtype: QueryType) {
        match owner {
            Owner::Pointer(offset) => self.octets.extend((POINTER | offset).to_be_bytes()),
            Owner::Name(name) => self.octets.extend(name.as_wire()),
        }
        self.octets.extend(rtype.0.to_be_bytes());
        self.octets.extend(CLASS_IN.to_be_bytes());
        self.ttl_at.push(u16::try_from(self.octets.len()).unwrap_or(u16::MAX));
        self.octets.extend([0; 4]);
    }

    fn length(&mut self, length: usize) {
        self.octets.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    }

    fn bounded(&self) -> Result<(), Failure> {
        if self.octets.len() > LONGEST { Err(Failure::Unacceptable) } else { Ok(()) }
    }
}

enum Owner<'n> {
    Pointer(u16),
    Name(&'n QueryName),
}

const POINTER: u16 = 0xc000;
/// Where a message's question stands.
const QUESTION: u16 = 12;
/// LIMIT: octets of records; a message of 65,535 has room for them, its head and an OPT record.
const LONGEST: usize = 48 * 1024;
/// LIMIT: addresses told in one answer, aliases counted in; the largest pools seen have some 50.
const TOLD: usize = 64 + 16;
