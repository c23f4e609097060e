//! Times and lifetimes as servers, providers and HTTP headers write them (R2).

mod calendar;

pub use calendar::http_date;

use alloc::format;

use serde_json::Value;

/// A number below this is seconds, from it on milliseconds: seconds would be in the year 10209, milliseconds
/// in 1978 (R2).
pub const MILLISECONDS_FROM: u64 = 260_000_000_000;

/// The last millisecond of the year 9999; nothing later is represented (R2).
pub const LAST_UNIX_MS: u64 = 253_402_300_799_999;

/// 100 years of 365.25 days, the longest lifetime that is represented, milliseconds (R2).
pub const LONGEST_LIFETIME_MS: u64 = 3_155_760_000_000;

/// Who says that it is before 2020 or after 2199 lies, or does not speak of this age.
pub const PLAUSIBLE: core::ops::Range<u64> = 1_577_836_800_000..7_258_118_400_000;

/// The unit in which a field is documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Unix seconds: everything that SignalWire's servers send.
    Seconds,
    /// Unix milliseconds: the provider's `expiry_at`.
    Milliseconds,
}

/// What was odd about a time; each is worth one warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Oddity {
    /// Seconds where milliseconds are documented, or the other way round; told by magnitude.
    OtherUnit,
    /// A text that was parsed.
    Text,
    /// Beyond what is represented; the limit was taken.
    Clamped,
    /// Nothing that can be read as a time; taken as absent.
    Unusable,
}

/// A time or a lifetime that was read, and what was odd about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parsed {
    /// Milliseconds: since the unix epoch for a time, from now for a lifetime. `None` = as if absent.
    pub ms: Option<u64>,
    /// What to warn of, if anything.
    pub oddity: Option<Oddity>,
}

impl Parsed {
    /// Nothing there, and nothing odd about that.
    pub const ABSENT: Self = Self { ms: None, oddity: None };
    const UNUSABLE: Self = Self { ms: None, oddity: Some(Oddity::Unusable) };
}

/// Reads an absolute time: a number in seconds or milliseconds (told apart by magnitude), a text holding such a
/// number, an ISO 8601 / RFC 3339 date or an HTTP date. `null` and a missing field are absent; zero, negative
/// and everything else is [`Oddity::Unusable`]. Later than the year 9999 is clamped.
///
/// Where several oddities meet, the one that is told is `Clamped`, else `OtherUnit`, else `Text`.
pub fn absolute(value: Option<&Value>, documented: Unit) -> Parsed {
    match value {
        None | Some(Value::Null) => Parsed::ABSENT,
        Some(Value::Number(number)) => match thousandths(number) {
            Some(number) => of_magnitude(number, documented, None),
            None => Parsed::UNUSABLE,
        },
        Some(Value::String(text)) => match decimal_thousandths(text) {
            Some(number) => of_magnitude(number, documented, Some(Oddity::Text)),
            None => match calendar::iso_date(text).or_else(|| http_date(text)) {
                Some(ms) if ms > 0 => Parsed { ms: Some(ms.min(LAST_UNIX_MS)), oddity: Some(Oddity::Text) },
                _ => Parsed::UNUSABLE,
            },
        },
        Some(_) => Parsed::UNUSABLE,
    }
}

/// Reads a lifetime in seconds (`expires_in`): a number, or a text holding one. The result is in milliseconds,
/// at most [`LONGEST_LIFETIME_MS`]. Zero is a lifetime of 0; negative is [`Oddity::Unusable`].
pub fn lifetime(value: Option<&Value>) -> Parsed {
    let (ms, oddity) = match value {
        None | Some(Value::Null) => return Parsed::ABSENT,
        // Thousandths of a second are milliseconds.
        Some(Value::Number(number)) => (thousandths(number), None),
        Some(Value::String(text)) => (decimal_thousandths(text), Some(Oddity::Text)),
        Some(_) => (None, None),
    };
    match ms {
        None => Parsed::UNUSABLE,
        Some(ms) if ms > LONGEST_LIFETIME_MS => {
            Parsed { ms: Some(LONGEST_LIFETIME_MS), oddity: Some(Oddity::Clamped) }
        }
        Some(ms) => Parsed { ms: Some(ms), oddity },
    }
}

/// Reads `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date that is measured from
/// `server_now_unix_ms`. The result is a wait in milliseconds, 0 for a date that has passed, at most
/// [`LONGEST_LIFETIME_MS`]; `None` where it is neither.
pub fn retry_after(text: &str, server_now_unix_ms: u64) -> Option<u64> {
    let wait = match decimal_thousandths(text) {
        Some(ms) => ms,
        None => http_date(text)?.saturating_sub(server_now_unix_ms),
    };
    Some(wait.min(LONGEST_LIFETIME_MS))
}

/// `thousandths` of the number as written, so that a fraction of a second survives.
fn of_magnitude(thousandths: u64, documented: Unit, oddity: Option<Oddity>) -> Parsed {
    let number = thousandths / 1000;
    if number == 0 {
        return Parsed::UNUSABLE;
    }
    let (ms, unit) =
        if number < MILLISECONDS_FROM { (thousandths, Unit::Seconds) } else { (number, Unit::Milliseconds) };
    if ms > LAST_UNIX_MS {
        return Parsed { ms: Some(LAST_UNIX_MS), oddity: Some(Oddity::Clamped) };
    }
    Parsed { ms: Some(ms), oddity: if unit == documented { oddity } else { Some(Oddity::OtherUnit) } }
}

/// A non-negative JSON number times 1000, saturating.
fn thousandths(number: &serde_json::Number) -> Option<u64> {
    if let Some(whole) = number.as_u64() {
        return Some(whole.saturating_mul(1000));
    }
    let float = number.as_f64().filter(|float| *float >= 0.0)?;
    // By way of its decimal text: exact, and too large a number saturates like one that was written as text.
    decimal_thousandths(&format!("{float:.3}"))
}

/// A non-negative decimal number in a text, times 1000, saturating. Digits after the third decimal are dropped.
fn decimal_thousandths(text: &str) -> Option<u64> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let digits = fraction.bytes().chain([b'0'; 3]).take(3);
    let fraction = digits.fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    // Digits that do not fit are a huge number, not garbage.
    let whole: u64 = whole.parse().unwrap_or(u64::MAX);
    Some(whole.saturating_mul(1000).saturating_add(fraction))
}
