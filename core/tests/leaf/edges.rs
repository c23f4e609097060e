//! The last value that is taken and the first that is not, of everything that is read from outside.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use satkeeper_core::error::Error;
use satkeeper_core::secret::Secret;
use satkeeper_core::wire::http::{HttpResponse, MAX_BODY};
use satkeeper_core::wire::rest::{Endpoint, HttpError, TokenReply};
use satkeeper_core::wire::routing::Routing;
use satkeeper_core::wire::rpc::Frame;
use satkeeper_core::wire::sat::SatHeader;
use satkeeper_core::wire::text::Cleaner;
use satkeeper_core::wire::time::{LAST_UNIX_MS, Oddity, Unit, absolute, http_date};
use satkeeper_core::wire::url::{Plain, SecureUrl};
use serde_json::json;

fn ms_of(text: &str) -> Option<u64> {
    absolute(Some(&json!(text)), Unit::Seconds).ms
}

// proves R2.6
#[test]
fn iso_dates() {
    let midnight = ms_of("2026-11-21").unwrap();
    for (zone, east_minutes) in
        [("", 0), ("z", 0), ("+5", 300), ("+05", 300), ("+23:59", 1439), ("+0030", 30)]
    {
        let at = ms_of(&format!("2026-11-21T23:59:59{zone}"));
        assert_eq!(at, Some(midnight + 86_399_000 - east_minutes * 60_000), "{zone}");
    }
    for bad in [
        "226-11-21",
        "2026-1-21",
        "2026-11-1",
        "2026-11-+1",
        "2026-11-21-01",
        "2026-11-21T03:29:13+24:00",
        "2026-11-21T03:29:13+23:60",
        "2026-11-21T03:29:13+043",
        "2026-11-21T03:29:00001",
        "2026-11-21T03:29:13.",
        "2026-11-21T03:29:13.5x",
        "1970-01-01",
    ] {
        assert_eq!(ms_of(bad), None, "{bad}");
    }
    let fraction = |length: usize| ms_of(&format!("{:0<length$}", "2026-11-21T00:00:00.25"));
    assert_eq!(fraction(64), Some(midnight + 250));
    assert_eq!(fraction(65), None);
}

// proves R2.6, R2.7
#[test]
fn the_last_date() {
    let last = absolute(Some(&json!(LAST_UNIX_MS)), Unit::Seconds);
    assert_eq!((last.ms, last.oddity), (Some(LAST_UNIX_MS), Some(Oddity::OtherUnit)));
    let later = absolute(Some(&json!(LAST_UNIX_MS + 1)), Unit::Seconds);
    assert_eq!((later.ms, later.oddity), (Some(LAST_UNIX_MS), Some(Oddity::Clamped)));
}

// proves R3.1
#[test]
fn http_dates() {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    for (month, number) in months.into_iter().zip(1..) {
        assert_eq!(
            http_date(&format!("Sat, 21 {month} 2026 00:00:00 GMT")),
            ms_of(&format!("2026-{number:02}-21")),
            "{month}"
        );
    }
    assert_eq!(http_date("Thursday, 01-Jan-70 00:00:01 GMT"), Some(1_000));
    assert_eq!(http_date("Tuesday, 01-Jan-69 00:00:00 GMT"), ms_of("2069-01-01"));
    let wide = |blanks: usize| http_date(&format!("Sat,{}21 Nov 2026 00:00:00 GMT", " ".repeat(blanks)));
    assert_eq!(wide(64 - 28), ms_of("2026-11-21"));
    assert_eq!(wide(65 - 28), None);
}

// proves R36.7
#[test]
fn urls() {
    let reason = |text: &str| match SecureUrl::parse(text, Plain::Loopback) {
        Err(Error::InvalidUrl { reason }) => reason,
        _ => "",
    };
    let of_length = |length: usize| format!("{:a<length$}", "https://example.com/");
    assert_eq!(reason(&of_length(2048)), "");
    assert_eq!(reason(&of_length(2049)), "it is longer than 2048 bytes");
    assert_eq!(reason("https://example.com:"), "its port is no number");
    assert_eq!(reason("https://example.com:+443"), "its port is no number");
    assert_eq!(reason("https://example.com:65536"), "its port is above 65535");
    assert_eq!(reason("https://example.com:65535"), "");

    let plain = SecureUrl::parse("ws://127.0.0.1:9/a?b", Plain::Loopback).unwrap();
    assert_eq!((plain.scheme(), plain.is_encrypted(), plain.is_websocket()), ("ws", false, true));
    assert_eq!(format!("{plain:?}"), "SecureUrl(ws://127.0.0.1:9/a)");
}

// proves R31.6
#[test]
fn host_names() {
    let is_host = |host: &str| Routing::from_ch(Some(host)).is_ok();
    assert!(is_host(&format!("{}.example.com", "a".repeat(63))));
    assert!(!is_host(&format!("{}.example.com", "a".repeat(64))));
    let of_length = |length: usize| {
        let label = "a".repeat(63);
        format!("{label}.{label}.{label}.{}", "b".repeat(length - 192))
    };
    assert!(is_host(&of_length(253)));
    assert!(!is_host(&of_length(254)));
}

// proves R36.7
#[test]
fn tokens() {
    let of_length = |length: usize| {
        let head = format!("{}.e30.", URL_SAFE_NO_PAD.encode("{}"));
        let tail = "A".repeat(length - head.len());
        Secret::new(head + &tail)
    };
    assert!(SatHeader::decode(&of_length(64 * 1_024)).is_ok());
    assert!(SatHeader::decode(&of_length(64 * 1_024 + 1)).is_err());
}

// proves R36.8
#[test]
fn bodies_and_headers() {
    let padded = |length: usize, body: &str| {
        HttpResponse::new(200, body.to_owned() + &" ".repeat(length - body.len()))
    };
    let token = r#"{"token":"t"}"#;
    assert!(TokenReply::parse(Endpoint::DeviceToken, &padded(MAX_BODY, token), &[]).is_ok());
    assert!(TokenReply::parse(Endpoint::DeviceToken, &padded(MAX_BODY + 1, token), &[]).is_err());
    let message =
        |length| HttpError::of(Endpoint::DeviceToken, &padded(length, r#"{"error":"e"}"#), &[]).message;
    assert_eq!(message(MAX_BODY).as_deref(), Some("e"));
    assert_eq!(message(MAX_BODY + 1), None);

    let mut response = HttpResponse::new(200, "");
    response.set_header("X-Other", "n");
    assert_eq!(response.dpop_nonce, None);
    response.set_header("DPoP-Nonce", &"n".repeat(4097));
    assert_eq!(response.dpop_nonce, None);
    response.set_header("DPoP-Nonce", &"n".repeat(4096));
    assert_eq!(response.dpop_nonce.map(|nonce| nonce.len()), Some(4096));
}

// survives W18
// proves R36.2
#[test]
fn what_is_cut_out_of_texts() {
    let (short, long) = (Secret::new("abc"), Secret::new("abcd"));
    let clean = |secret: &Secret, text: &str| Cleaner::new(&[secret]).clean(text);
    assert_eq!(clean(&short, "abc"), "abc");
    assert_eq!(clean(&long, "abcd!"), "[redacted]!");
    assert_eq!(clean(&short, "eyJ1234567 eyJ12345678 eyJ"), "eyJ1234567 [redacted] eyJ");
    // Twelve bytes of a secret, and no fewer, wherever they stand.
    let secret = Secret::new("0123456789abcdefghij");
    assert_eq!(
        clean(&secret, "x123456789ab 123456789abc, 0123456789abcd!"),
        "x123456789ab [redacted], [redacted]!"
    );
    assert_eq!(clean(&secret, "ghij0123456789abcdefghij0123"), "ghij[redacted]0123");
    let quoted = Secret::new("pass \"word\" of somebody");
    assert_eq!(clean(&quoted, r#"{"p":"pass \"word\" of somebody"}"#), r#"{"p":"[redacted]"}"#);
    // Words that are none, known or not; what is made of words stays.
    let no = Cleaner::default();
    let words = |length: usize| (0..length).map(|at| if at % 3 == 0 { 'A' } else { 'b' }).collect::<String>();
    assert_eq!(no.clean(&format!("{} it", words(32))), format!("{} it", words(32)));
    assert_eq!(no.clean(&format!("{} it", words(33))), "[redacted] it");
    assert_eq!(no.clean(&format!("\"{}\",{{{}}}", words(40), words(40))), "\"[redacted]\",{[redacted]}");
    assert_eq!(no.clean("8f0a119a-cda7-4497-a47d-c81493b824d4"), "[redacted]");
    for plain in [
        "/api/fabric/subscriber/devices/token",
        "https://example.signalwire.com:8443/api/fabric",
        "relay-eu1.customer42.example.signalwire.com:443",
        "allowed_address_limit_exceeded_for_this_project",
        "AUTHENTICATION_REQUIRED_FOR_THIS_METHOD",
    ] {
        assert_eq!(no.clean(plain), plain);
    }
    assert_eq!(no.clean_own(&words(100)), words(100), "an application's own words are its own");
    assert_eq!(no.clean_own(&"a ".repeat(600)).chars().count(), 1_025);
    assert!(!short.is_empty() && Secret::new("").is_empty());
    // The same bytes in another order differ twice by the same bits.
    assert!(Secret::new("ab") != Secret::new("ba"));
}

// proves R34.4
#[test]
fn what_to_do_about_a_refusal() {
    let shown = |status| {
        HttpError::of(Endpoint::DeviceToken, &HttpResponse::new(status, ""), &[])
            .to_string()
            .rsplit_once("; ")
            .map(|(_, advice)| advice.to_owned())
    };
    let said = [302, 401, 403, 404, 408, 409, 422, 425, 429, 499, 500]
        .map(|status| format!("{status}: {}", shown(status).unwrap_or_default()));
    insta::assert_snapshot!(said.join("\n"));
}

// proves R32
#[test]
fn ids_of_frames() {
    for text in [r#"{"id":"a","method":"m"}"#, r#"{"id":"a","result":{}}"#, r#"{"id":"a","error":{}}"#] {
        let frame = Frame::parse(text).ok().unwrap();
        let id = frame.id().unwrap();
        assert_eq!((id.to_string().as_str(), format!("{id:?}").as_str()), (r#""a""#, r#"Id("a")"#), "{text}");
    }
}
