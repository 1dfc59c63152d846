//! Numbers in bytes, little end first. Next: `markup`.

use crate::ExtractFault;

const SHORT: ExtractFault = ExtractFault::Broken("it is cut short");

/// Two bytes.
pub(crate) fn short(bytes: &[u8], at: usize) -> Result<u16, ExtractFault> {
    let rest = bytes.get(at..).ok_or(SHORT)?;
    rest.first_chunk::<2>().map(|two| u16::from_le_bytes(*two)).ok_or(SHORT)
}

/// Four bytes.
pub(crate) fn long(bytes: &[u8], at: usize) -> Result<usize, ExtractFault> {
    let rest = bytes.get(at..).ok_or(SHORT)?;
    let four = rest.first_chunk::<4>().ok_or(SHORT)?;
    usize::try_from(u32::from_le_bytes(*four)).map_err(|_| SHORT)
}

/// Eight bytes; no more than memory could hold, so that sums of a few do not overflow.
pub(crate) fn longer(bytes: &[u8], at: usize) -> Result<usize, ExtractFault> {
    let rest = bytes.get(at..).ok_or(SHORT)?;
    let eight = rest.first_chunk::<8>().ok_or(SHORT)?;
    let number = usize::try_from(u64::from_le_bytes(*eight)).map_err(|_| SHORT)?;
    if number < 1 << 48 { Ok(number) } else { Err(SHORT) }
}
