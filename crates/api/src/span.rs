//! Lengths of time as people write them: `90s`, `15m`, `4h`, `7d`.
//! Must not know clocks. Next: `shapes`.

use std::time::Duration;

/// Reads a whole number and one of `s`, `m`, `h`, `d`; never zero, at most 366 days.
///
/// # Errors
/// A sentence that says how to write it.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let how = || "write a whole number and a unit, such as 90s, 15m, 4h or 7d".to_owned();
    let unit = text.chars().last().ok_or_else(how)?;
    let digits = text.strip_suffix(unit).ok_or_else(how)?;
    if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(how());
    }
    let scale: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => DAY,
        _ => return Err(how()),
    };
    let seconds = digits.parse::<u64>().map_err(|_| how())?.saturating_mul(scale);
    if seconds == 0 {
        return Err("it must be longer than nothing".to_owned());
    }
    if seconds > 366 * DAY {
        return Err("it may be at most 366 days".to_owned());
    }
    Ok(Duration::from_secs(seconds))
}

/// One day in seconds.
pub(crate) const DAY: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_written() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("4h", 14_400), ("7d", 604_800)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "4", "h", "0h", "-1h", "4 h", "4H", "1.5h", "367d", "99999999999s", "4ü"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
