//! Durations as people write them.

use std::time::Duration;

/// Longest duration that is taken: 100 years. Beyond, arithmetic on clocks would have to saturate everywhere.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// `90` (seconds), `500ms`, `12s`, `15m`, `2h`, `7d`, and such in a row: `1h30m`.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    const FORM: &str = "write it as 90 (seconds), 500ms, 12s, 15m, 2h, 7d or 1h30m";
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(FORM.to_owned());
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let number: u64 = number.parse().map_err(|_| FORM.to_owned())?;
        let millis = match unit {
            // A bare number only stands alone: `1h30` could be minutes or seconds.
            "" if total.is_zero() && tail.is_empty() => number.checked_mul(1_000),
            "ms" => Some(number),
            "s" => number.checked_mul(1_000),
            "m" => number.checked_mul(60_000),
            "h" => number.checked_mul(3_600_000),
            "d" => number.checked_mul(86_400_000),
            _ => return Err(FORM.to_owned()),
        };
        let part = millis.map(Duration::from_millis).filter(|part| *part <= LONGEST);
        total = part
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= LONGEST)
            .ok_or_else(|| "it is longer than 100 years".to_owned())?;
        rest = tail;
    }
    Ok(total)
}

/// As [`parse`], but not zero.
pub(crate) fn positive(text: &str) -> Result<Duration, String> {
    parse(text).and_then(|span| if span.is_zero() { Err("it must not be zero".to_owned()) } else { Ok(span) })
}

/// A duration for people: `12.3 s`, `4 min 05 s`, `2 h 03 min`.
pub(crate) fn show(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..=119 => format!("{:.1} s", span.as_secs_f64()),
        120..=7199 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        7200..=172_799 => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, positive, show};
    use std::time::Duration;

    #[test]
    fn what_people_write() {
        for (text, millis) in [
            ("90", 90_000),
            ("0", 0),
            ("500ms", 500),
            ("12s", 12_000),
            ("15m", 900_000),
            ("2h", 7_200_000),
            ("7d", 604_800_000),
            ("1h30m", 5_400_000),
            (" 3s ", 3_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in
            ["", "s", "-1", "1.5s", "1h30", "30 s", "5 m", "1w", "999999999999d", "99999999999999999999"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(positive("0s").is_err() && positive("1ms").is_ok());
    }

    #[test]
    fn what_people_read() {
        for (millis, text) in [
            (0, "0.0 s"),
            (12_340, "12.3 s"),
            (245_000, "4 min 05 s"),
            (7_380_000, "2 h 03 min"),
            (864_000_000, "10 days"),
        ] {
            assert_eq!(show(Duration::from_millis(millis)), text);
        }
    }
}
