//! Times as servers, providers and headers write them.

use satkeeper_core::wire::time::{
    LAST_UNIX_MS, LONGEST_LIFETIME_MS, Oddity, Parsed, Unit, absolute, http_date, lifetime, retry_after,
};
use serde_json::{Value, json};

const MS: u64 = 1_795_231_753_000;

// proves R2.6, R2.7
#[test]
fn absolute_times() {
    use Oddity::{Clamped, OtherUnit, Text, Unusable};
    let some = |ms, oddity| Parsed { ms: Some(ms), oddity };
    let none = |oddity| Parsed { ms: None, oddity };
    let table: Vec<(Value, Parsed)> = vec![
        (json!(1_795_231_753), some(MS, None)),
        (json!(1_795_231_753.25), some(MS + 250, None)),
        (json!(0.29), none(Some(Unusable))),
        (json!(1_795_231_753_000_u64), some(MS, Some(OtherUnit))),
        (json!(1_795_231_753_000.0), some(MS, Some(OtherUnit))),
        (json!("1795231753"), some(MS, Some(Text))),
        (json!(" 1795231753.5 "), some(MS + 500, Some(Text))),
        (json!("1795231753000"), some(MS, Some(OtherUnit))),
        (json!("2026-11-21T03:29:13Z"), some(MS, Some(Text))),
        (json!("2026-11-21T03:29:13.250Z"), some(MS + 250, Some(Text))),
        (json!("2026-11-21 05:29:13+02:00"), some(MS, Some(Text))),
        (json!("2026-11-20T22:59:13-0430"), some(MS, Some(Text))),
        (json!("2026-11-21"), some(1_795_219_200_000, Some(Text))),
        (json!("Sat, 21 Nov 2026 03:29:13 GMT"), some(MS, Some(Text))),
        // The threshold itself is milliseconds, one less is seconds (and beyond the year 9999).
        (json!(260_000_000_000_u64), some(260_000_000_000, Some(OtherUnit))),
        (json!(259_999_999_999_u64), some(LAST_UNIX_MS, Some(Clamped))),
        (json!(253_402_300_799_u64), some(253_402_300_799_000, None)),
        (json!(1), some(1000, None)),
        (json!(u64::MAX), some(LAST_UNIX_MS, Some(Clamped))),
        (json!(1e300), some(LAST_UNIX_MS, Some(Clamped))),
        (json!("99999999999999999999999999"), some(LAST_UNIX_MS, Some(Clamped))),
        (json!(0), none(Some(Unusable))),
        (json!("0"), none(Some(Unusable))),
        (json!(-5), none(Some(Unusable))),
        (json!(-0.5), none(Some(Unusable))),
        (json!("-5"), none(Some(Unusable))),
        (json!(""), none(Some(Unusable))),
        (json!("tomorrow"), none(Some(Unusable))),
        (json!("0x10"), none(Some(Unusable))),
        (json!("1e9"), none(Some(Unusable))),
        (json!("2026-02-29"), none(Some(Unusable))),
        (json!(true), none(Some(Unusable))),
        (json!([1_795_231_753]), none(Some(Unusable))),
        (json!({"s": 1}), none(Some(Unusable))),
        (json!(null), none(None)),
    ];
    for (value, expected) in table {
        assert_eq!(absolute(Some(&value), Unit::Seconds), expected, "{value}");
    }
    assert_eq!(absolute(None, Unit::Seconds), Parsed::ABSENT);
}

// proves R2.6
#[test]
fn a_provider_s_milliseconds_are_no_oddity_but_its_seconds_are() {
    let ms = |value: Value| absolute(Some(&value), Unit::Milliseconds);
    assert_eq!(ms(json!(MS)), Parsed { ms: Some(MS), oddity: None });
    assert_eq!(ms(json!(MS / 1000)), Parsed { ms: Some(MS), oddity: Some(Oddity::OtherUnit) });
}

// proves R2.7
#[test]
fn lifetimes() {
    let table: Vec<(Value, Option<u64>, Option<Oddity>)> = vec![
        (json!(900), Some(900_000), None),
        (json!(0), Some(0), None),
        (json!(33.5), Some(33_500), None),
        (json!(0.29), Some(290), None),
        (json!("33"), Some(33_000), Some(Oddity::Text)),
        (json!("33.0456"), Some(33_045), Some(Oddity::Text)),
        (json!(3_155_760_000_u64), Some(LONGEST_LIFETIME_MS), None),
        (json!(3_155_760_001_u64), Some(LONGEST_LIFETIME_MS), Some(Oddity::Clamped)),
        (json!(u64::MAX), Some(LONGEST_LIFETIME_MS), Some(Oddity::Clamped)),
        (json!(1e300), Some(LONGEST_LIFETIME_MS), Some(Oddity::Clamped)),
        (json!(-1), None, Some(Oddity::Unusable)),
        (json!("an hour"), None, Some(Oddity::Unusable)),
        (json!([]), None, Some(Oddity::Unusable)),
        (json!(null), None, None),
    ];
    for (value, ms, oddity) in table {
        assert_eq!(lifetime(Some(&value)), Parsed { ms, oddity }, "{value}");
    }
    assert_eq!(lifetime(None), Parsed::ABSENT);
}

// proves R3.1
#[test]
fn http_dates_in_all_three_forms() {
    let rfc = Some(784_111_777_000);
    assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), rfc);
    assert_eq!(http_date("Sunday, 06-Nov-94 08:49:37 GMT"), rfc);
    assert_eq!(http_date("Sun Nov  6 08:49:37 1994"), rfc);
    assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
    assert_eq!(http_date("Tue, 29 Feb 2000 23:59:60 GMT"), Some(951_868_799_000));
    assert_eq!(http_date("Fri, 31 Dec 9999 23:59:59 GMT"), Some(253_402_300_799_000));
    assert_eq!(http_date("Saturday, 21-Nov-26 03:29:13 GMT"), Some(MS));
    for bad in [
        "",
        "now",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 194 08:49:37 GMT",
        "Sun, 06 Nov 99999 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:4x:37 GMT",
    ] {
        assert_eq!(http_date(bad), None, "{bad}");
    }
}

/// Every day of 230 years, against counting.
#[test]
fn the_calendar_counts_every_day() {
    let mut expected: u64 = 0;
    for year in 1970..2200 {
        for month in 1..=12 {
            for day in 1..=31 {
                let date = json!(format!("{year}-{month:02}-{day:02}T12:00:00Z"));
                if let Some(ms) = absolute(Some(&date), Unit::Seconds).ms {
                    assert_eq!(ms, expected + 43_200_000, "{date}");
                    expected += 86_400_000;
                }
            }
        }
    }
    // 2200-01-01
    assert_eq!(expected, 7_258_118_400_000);
}

// proves R18.4
#[test]
fn retry_after_in_both_forms() {
    assert_eq!(retry_after("120", MS), Some(120_000));
    assert_eq!(retry_after(" 0 ", MS), Some(0));
    assert_eq!(retry_after("Sat, 21 Nov 2026 03:30:13 GMT", MS), Some(60_000));
    assert_eq!(retry_after("Sat, 21 Nov 2026 03:28:13 GMT", MS), Some(0));
    assert_eq!(retry_after("99999999999999999999", MS), Some(LONGEST_LIFETIME_MS));
    assert_eq!(retry_after("-1", MS), None);
    assert_eq!(retry_after("soon", MS), None);
    assert_eq!(retry_after("", MS), None);
}
