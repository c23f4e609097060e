//! Lengths of time, as people write them.

use std::fmt::Write as _;

const UNITS: [(&str, u64); 6] =
    [("ms", 1), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("y", 31_536_000_000)];

/// `1h30m`, `15s`, `500ms`, `2d`, in milliseconds; 0 needs a unit too.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = rest.split_at_checked(digits)?;
        let letters = unit.len() - unit.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, after) = unit.split_at_checked(letters)?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*factor)?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

/// A moment of a story: `1:02:03.456`, days in front where there are any.
pub(crate) fn moment(ms: u64) -> String {
    let (days, h, m, s) = (ms / 86_400_000, ms / 3_600_000 % 24, ms / 60_000 % 60, ms / 1_000 % 60);
    let mut text = String::new();
    if days > 0 {
        let _ = write!(text, "{days}d ");
    }
    let _ = write!(text, "{h}:{m:02}:{s:02}.{:03}", ms % 1_000);
    text
}

/// A length of time as it would be written: the inverse of [`parse`].
pub(crate) fn show(ms: u64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    let mut rest = ms;
    for (unit, factor) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if rest >= factor {
            let _ = write!(text, "{}{unit}", rest / factor);
            rest %= factor;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (text, ms) in
            [("0s", 0), ("1h30m", 5_400_000), ("15s", 15_000), ("1s500ms", 1_500), ("2d", 172_800_000)]
        {
            assert_eq!(parse(text), Some(ms), "{text}");
            assert_eq!(show(ms), text);
        }
        for text in ["", "5", "s", "1x", "1h30", "-1s", "99999999999999999999s", "9999999999999999y"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(moment(90_061_007), "1d 1:01:01.007");
    }
}
