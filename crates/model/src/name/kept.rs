//! Names as they are kept by the thousand. Next: the parent.

use super::QueryName;
use std::fmt;

/// A name as thousands of them are kept: a whole [`QueryName`] takes 256 octets, whatever it holds,
/// and most names need no room of their own beside what keeps them.
#[derive(Clone)]
pub struct KeptName(Kept);

#[derive(Clone)]
enum Kept {
    Here { length: u8, octets: [u8; SHORT] },
    There(Box<[u8]>),
}

/// Octets of a name that lies in place.
const SHORT: usize = 38;

impl KeptName {
    /// The wire octets of the name.
    pub fn as_wire(&self) -> &[u8] {
        match &self.0 {
            Kept::Here { length, octets } => octets.get(..usize::from(*length)).unwrap_or_default(),
            Kept::There(octets) => octets,
        }
    }
    /// The name as it was.
    pub fn name(&self) -> QueryName {
        // It was taken from a name, so it is one.
        QueryName::parse(self.as_wire()).unwrap_or(QueryName::ROOT)
    }
}

impl From<&QueryName> for KeptName {
    fn from(name: &QueryName) -> Self {
        let wire = name.as_wire();
        let mut octets = [0; SHORT];
        Self(match (octets.get_mut(..wire.len()), u8::try_from(wire.len())) {
            (Some(room), Ok(length)) => {
                room.copy_from_slice(wire);
                Kept::Here { length, octets }
            }
            _ => Kept::There(wire.into()),
        })
    }
}

impl PartialEq<QueryName> for KeptName {
    fn eq(&self, name: &QueryName) -> bool {
        self.as_wire() == name.as_wire()
    }
}

impl fmt::Debug for KeptName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.name(), f)
    }
}
