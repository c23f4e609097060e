//! Calendar dates, without a clock: RFC 9110 section 5.6.7 and ISO 8601 / RFC 3339.

/// Reads an HTTP date in any of its three forms (IMF-fixdate, RFC 850, asctime) as unix milliseconds.
///
/// The name of the day is not checked. A year of two digits (RFC 850) is 1970 to 2069. Dates before 1970 are
/// `None`, as everything malformed is.
pub fn http_date(text: &str) -> Option<u64> {
    let text = text.trim();
    if text.len() > 64 {
        return None;
    }
    let mut words = text.split([' ', '-']).filter(|word| !word.is_empty());
    let day_name = words.next()?;
    let (day, month, year, time) = if day_name.ends_with(',') {
        let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
        if words.next()? != "GMT" {
            return None;
        }
        (day, month, year, time)
    } else {
        let (month, day, time, year) = (words.next()?, words.next()?, words.next()?, words.next()?);
        (day, month, year, time)
    };
    if words.next().is_some() {
        return None;
    }
    let year = match (year.len(), number(year)?) {
        (4, year) => year,
        (2, year) if year < 70 => 2000 + year,
        (2, year) => 1900 + year,
        _ => return None,
    };
    let month = match month {
        "Jan" => 1,
        "Feb" => 2,
        "Mar" => 3,
        "Apr" => 4,
        "May" => 5,
        "Jun" => 6,
        "Jul" => 7,
        "Aug" => 8,
        "Sep" => 9,
        "Oct" => 10,
        "Nov" => 11,
        "Dec" => 12,
        _ => return None,
    };
    let seconds = days(year, month, number(day)?)? * 86_400 + time_of_day(time)?;
    u64::try_from(seconds).ok()?.checked_mul(1000)
}

/// Reads `YYYY-MM-DD` or `YYYY-MM-DDThh:mm[:ss[.fff]][Z|±hh:mm]` as unix milliseconds. Without a zone it is
/// UTC; a blank may stand for the `T`. Fractions of a second are kept to the millisecond.
pub(super) fn iso_date(text: &str) -> Option<u64> {
    let text = text.trim();
    if text.len() > 64 || !text.is_ascii() {
        return None;
    }
    let (date, time) = match text.split_once(['T', 't', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
        return None;
    }
    let midnight = days(number(year)?, number(month)?, number(day)?)? * 86_400;
    let (seconds, ms) = match time {
        None => (midnight, 0),
        Some(time) => {
            let (time, zone) = split_zone(time)?;
            let (time, ms) = match time.split_once('.') {
                Some((time, fraction)) => (time, milliseconds(fraction)?),
                None => (time, 0),
            };
            (midnight + time_of_day(time)? - zone, ms)
        }
    };
    u64::try_from(seconds).ok()?.checked_mul(1000)?.checked_add(ms)
}

/// The time without its zone, and the zone in seconds east of UTC.
fn split_zone(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let Some(at) = time.find(['+', '-']) else { return Some((time, 0)) };
    let (time, zone) = time.split_at_checked(at)?;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let zone = zone.get(1..)?;
    let (hours, minutes) = match zone.split_once(':') {
        Some((hours, minutes)) => (hours, minutes),
        None if zone.len() == 4 => zone.split_at_checked(2)?,
        None => (zone, "00"),
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some((time, sign * (hours * 3600 + minutes * 60)))
}

/// Seconds since midnight of `hh:mm[:ss]`. A leap second counts as the second before it.
fn time_of_day(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let (hours, minutes) = (number(parts.next()?)?, number(parts.next()?)?);
    let seconds = parts.next().map_or(Some(0), number)?;
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    Some(hours * 3600 + minutes * 60 + seconds.min(59))
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; `None` for a day that does not exist.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=9999).contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    // Years that start in March put the leap day at the end.
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468)
}

/// First three digits of a fraction of a second.
fn milliseconds(fraction: &str) -> Option<u64> {
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain([b'0'; 3]).take(3);
    Some(digits.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// One to four digits.
fn number(text: &str) -> Option<i64> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}
