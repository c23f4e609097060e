//! Token headers, URLs that credentials may be sent to, and the hosts that follow from them.

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use satkeeper_core::error::Error;
use satkeeper_core::secret::Secret;
use satkeeper_core::wire::routing::{AllowedHosts, Routing, Rules};
use satkeeper_core::wire::sat::SatHeader;
use satkeeper_core::wire::url::{Plain, SecureUrl};

fn jwe(header: &str) -> Secret {
    Secret::new(format!("{}..aXY.Y2lwaGVydGV4dA.dGFn", URL_SAFE_NO_PAD.encode(header)))
}

#[test]
fn the_header_of_the_sample_token_is_read() {
    let sample = Secret::new("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwidHlwIjoiU0FUIn0..aXY.Yw.dGFn");
    let header = SatHeader::decode(&sample).unwrap();
    assert_eq!(header, SatHeader { typ: Some("SAT".to_owned()), ch: None });
    let header = SatHeader::decode(&jwe(r#"{"typ":"SAT","ch":"puc.signalwire.com","x":[1]}"#)).unwrap();
    assert_eq!(header.ch.as_deref(), Some("puc.signalwire.com"));
    let jws = format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(r#"{"typ":7,"ch":{}}"#));
    assert_eq!(SatHeader::decode(&Secret::new(jws)).unwrap(), SatHeader::default());
    let padded = format!("{}.e30.c2ln", URL_SAFE.encode(r#"{"typ":"SAT" }"#));
    assert!(padded.contains('='));
    assert_eq!(SatHeader::decode(&Secret::new(padded)).unwrap().typ.as_deref(), Some("SAT"));
}

// proves R31.3
#[test]
fn what_is_no_token_is_refused_without_being_repeated() {
    let canary = "CANARY";
    let long = format!("{}.e30.{}", URL_SAFE_NO_PAD.encode("{}"), "A".repeat(64 * 1024));
    let encoded = |text: &str| format!("{}.{canary}.{canary}", URL_SAFE_NO_PAD.encode(text));
    for bad in [
        String::new(),
        canary.to_owned(),
        format!("{canary}.{canary}"),
        format!("{canary}.{canary}.{canary}.{canary}"),
        format!("{canary}.{canary}.{canary}.{canary}.{canary}.{canary}"),
        format!("{canary}.{canary}.{canary}"),
        format!("{canary} .{canary}.{canary}"),
        format!("{canary}\n.{canary}.{canary}"),
        encoded("[\"CANARY\"]"),
        "e30".to_owned(),
        "e30.CANARY".to_owned(),
        "e30.CANARY.CANARY.CANARY".to_owned(),
        "e30.CANARY.CANARY.CANARY.CANARY.CANARY".to_owned(),
        encoded("{\"CANARY\":"),
        encoded("\"CANARY\""),
        encoded(""),
        encoded(&format!("{}{}", "[".repeat(200), "]".repeat(200))),
        long,
    ] {
        let error = SatHeader::decode(&Secret::new(bad.clone())).unwrap_err();
        assert_eq!(error.code(), "invalid_credentials", "{bad}");
        assert!(!format!("{error} {error:?}").contains(canary), "{error}");
    }
}

// proves R36.4
#[test]
fn only_secure_urls_are_accepted() {
    for good in [
        "https://example.signalwire.com",
        "https://example.signalwire.com/",
        "https://example.signalwire.com:8443/base",
        "HTTPS://Example.SignalWire.com",
        "wss://puc.signalwire.com",
        "https://127.0.0.1:8443",
        "https://10.1.2.3",
        "https://[::1]:8443/x?y=z",
        "https://[2001:db8::1]",
        "https://xn--bcher-kva.example",
        "https://127.0.0.1.evil.com",
    ] {
        assert!(SecureUrl::parse(good, Plain::Never).is_ok(), "{good}");
        assert!(SecureUrl::parse(good, Plain::Loopback).is_ok(), "{good}");
    }
    for loopback in [
        "http://127.0.0.1",
        "http://127.0.0.1:8080/x",
        "ws://127.255.0.254:1",
        "ws://[::1]:8080",
        "http://[::1]",
    ] {
        assert!(SecureUrl::parse(loopback, Plain::Never).is_err(), "{loopback}");
        assert!(SecureUrl::parse(loopback, Plain::Loopback).is_ok(), "{loopback}");
    }
    for bad in [
        "",
        "example.com",
        "//example.com",
        "ftp://example.com",
        "javascript://example.com",
        "https:example.com",
        "https:/example.com",
        "https:///example.com",
        "https://",
        "https://:443",
        "https://user@example.com",
        "https://user:pass@example.com",
        "https://@example.com",
        "https://example.com#f",
        "https://example.com.",
        "https://example.com.:443",
        "https://example.com:",
        "https://example.com:0",
        "https://example.com:65536",
        "https://example.com:x",
        "https://example.com:+443",
        "https://exa mple.com",
        "https://example.com/a\\b",
        " https://example.com",
        "https://example.com\t",
        "https://exa\nmple.com",
        "https://example.com\\@evil.com",
        "https:\\\\example.com",
        "https://bücher.example",
        "https://ex%61mple.com",
        "https://0x7f.1",
        "https://0x7f000001",
        "https://2130706433",
        "https://127.1",
        "https://0177.0.0.1",
        "https://127.0.0.01",
        "https://127.0.0.1.",
        "https://[::ffff:127.0.0.1]",
        "https://[::ffff:7f00:1]",
        "https://[0:0:0:0:0:0:0:1]",
        "https://[::1",
        "https://::1",
        "https://[::1%25eth0]",
        "http://localhost",
        "http://localhost:8080",
        "http://example.com",
        "http://127.0.0.1.evil.com",
        "http://127.0.0.1.",
        "http://127.1",
        "http://0x7f.1",
        "http://0x7f.0.0.1",
        "http://127.0.0.01",
        "http://2130706433",
        "http://[::ffff:127.0.0.1]",
        "http://[::ffff:7f00:1]",
        "http://[0::1]",
        "http://[::2]",
        "http://0.0.0.0",
        "http://126.0.0.1",
        "http://128.0.0.1",
        "http://10.0.0.1",
        "http://127.0.0.1@evil.com",
        "http://evil.com@127.0.0.1",
        "http://127.0.0.1:80@evil.com",
        "http://127.0.0.1\\.evil.com",
        "ws://127.0.0.1#@evil.com",
        "http://１２７.0.0.1",
    ] {
        for plain in [Plain::Never, Plain::Loopback] {
            match SecureUrl::parse(bad, plain) {
                Ok(url) => panic!("{bad} was accepted as {url}"),
                Err(error) => {
                    assert_eq!(error.code(), "invalid_url");
                    assert!(bad.len() < 12 || !error.to_string().contains(bad), "{error}");
                }
            }
        }
    }
    let error = SecureUrl::parse("https://user:pass@example.com", Plain::Never).unwrap_err();
    assert_eq!(error, Error::InvalidUrl { reason: "it has a user name or a password" });
    let long = format!("https://example.com/{}", "a".repeat(2048));
    assert!(SecureUrl::parse(&long, Plain::Never).is_err());
}

// proves R36.1
#[test]
fn a_url_shows_no_query() {
    let url = SecureUrl::parse("https://example.com:8443/a?token=CANARY", Plain::Never).unwrap();
    assert_eq!(url.to_string(), "https://example.com:8443/a");
    assert!(!format!("{url:?}").contains("CANARY"));
    assert_eq!(url.as_str(), "https://example.com:8443/a?token=CANARY");
    assert_eq!(url.htu(), "https://example.com:8443/a");
    assert_eq!(url.origin(), "https://example.com:8443");
    assert_eq!((url.host(), url.port(), url.path()), ("example.com", 8443, "/a"));
    assert!(url.is_encrypted() && !url.is_websocket());
    let default = SecureUrl::parse("wss://example.com", Plain::Never).unwrap();
    assert_eq!((default.port(), default.origin().as_str()), (443, "wss://example.com"));
    assert_eq!(default.htu(), "wss://example.com/");
}

// proves R31.4, R31.5
#[test]
fn hosts_follow_from_ch() {
    for (ch, relay, fabric) in [
        (None, "wss://puc.signalwire.com/", "https://fabric.signalwire.com/"),
        (Some(""), "wss://puc.signalwire.com/", "https://fabric.signalwire.com/"),
        (Some("localhost"), "wss://puc.signalwire.com/", "https://fabric.signalwire.com/"),
        (Some("localhost:8443"), "wss://puc.signalwire.com/", "https://fabric.signalwire.com/"),
        (Some("puc.signalwire.com"), "wss://puc.signalwire.com/", "https://fabric.signalwire.com/"),
        (Some("testpuc.swire.io"), "wss://testpuc.swire.io/", "https://fabric.swire.io/"),
        (Some("relay.sw.test:8443"), "wss://relay.sw.test:8443/", "https://fabric.sw.test:8443/"),
        (Some("Relay.SW.test"), "wss://relay.sw.test/", "https://fabric.sw.test/"),
        (Some("a.b.c.example.com"), "wss://a.b.c.example.com/", "https://fabric.b.c.example.com/"),
    ] {
        let routing = Routing::from_ch(ch).unwrap();
        assert_eq!(routing.relay().as_str(), relay, "{ch:?}");
        assert_eq!(routing.fabric().as_str(), fabric, "{ch:?}");
    }
}

// proves R31.6
#[test]
fn a_hostile_ch_is_refused() {
    for bad in [
        "evil.com/x",
        "evil.com/",
        "evil.com?x",
        "evil.com#x",
        "user@evil.com",
        "user:pass@evil.com",
        "puc.signalwire.com@evil.com",
        "puc.signalwire.com:80@evil.com",
        "evil.com\\x",
        "evil .com",
        " evil.com",
        "evil.com\n",
        "evil.com\0",
        "evil.com:",
        "evil.com:0",
        "evil.com:65536",
        "evil.com:x",
        "evil.com:443:443",
        "evil.com.",
        ".evil.com",
        "evil..com",
        ".",
        "-evil.com",
        "evil-.com",
        "evil%2ecom",
        "evíl.com",
        "[::1].x",
        "[::1]",
        "127.0.0.1",
        "127.0.0.1:8443",
        "0x7f.1",
        "@",
        "https://evil.com",
        "a/b",
    ] {
        let error = Routing::from_ch(Some(bad)).map(|it| it.relay().to_string()).unwrap_err();
        assert!(matches!(error, Error::InvalidCredentials { .. }), "{bad}");
        assert!(bad.len() < 3 || !error.to_string().contains(bad), "{error}");
    }
    assert!(Routing::from_ch(Some(&format!("{}.com", "a".repeat(64)))).is_err());
    assert!(Routing::from_ch(Some(&"a.".repeat(150))).is_err());
}

// survives W9
// proves R31.6
#[test]
fn a_ch_from_which_a_strangers_host_would_follow_is_refused() {
    for (ch, fabric) in [
        ("relay.localhost", Some("https://fabric.localhost/")),
        ("relay.localhost:8443", Some("https://fabric.localhost:8443/")),
        ("Relay.LOCALHOST", Some("https://fabric.localhost/")),
        ("a.relay.localhost", Some("https://fabric.relay.localhost/")),
        ("relay.example.co.uk", Some("https://fabric.example.co.uk/")),
        ("puc.co.com", Some("https://fabric.co.com/")),
        ("puc.swire.io", Some("https://fabric.swire.io/")),
        ("signalwire.com", None),
        ("signalwire.com:8443", None),
        ("example.localhost.com", Some("https://fabric.localhost.com/")),
        ("localhost.example", None),
        ("example.co.uk", None),
        ("example.CO.UK:443", None),
        ("example.com.au", None),
        ("example.or.jp", None),
        ("example.gob.mx", None),
    ] {
        let routing = Routing::from_ch(Some(ch));
        assert_eq!(routing.as_ref().map(|it| it.fabric().as_str()).ok(), fabric, "{ch}");
        if let Err(error) = routing {
            let told = error.to_string();
            assert!(told.contains("too few labels") && told.contains("fabric_url"), "{told}");
            // Where nothing is derived, nothing is refused.
            let own = SecureUrl::parse("https://api.example.com", Plain::Never).unwrap();
            let rules = Rules { fabric: Some(&own), ..Rules::default() };
            let routing = Routing::resolve(Some(ch), rules).unwrap();
            assert_eq!(routing.fabric(), &own);
            assert!(
                routing
                    .relay()
                    .as_str()
                    .starts_with(&format!("wss://{}", ch.to_ascii_lowercase().trim_end_matches(":443")))
            );
        }
    }
}

// survives W9
// proves R31.6
#[test]
fn a_token_leads_to_allowed_hosts_only() {
    let leads = |allowed: &[&str], ch: Option<&str>| {
        let allowed = AllowedHosts::parse(allowed).unwrap();
        Routing::resolve(ch, Rules { allowed: Some(&allowed), ..Rules::default() }).map(|_| ())
    };
    let refused = |host: &str| Err(Error::HostNotAllowed { host: host.to_owned() });
    let (ch, both) = (Some("relay.sw.test:8443"), ["relay.sw.test", "FABRIC.sw.test"]);
    assert_eq!(leads(&both, ch), Ok(()));
    assert_eq!(leads(&["*.sw.test"], ch), Ok(()));
    assert_eq!(leads(&["*.SW.test"], Some("a.b.Sw.Test")), Ok(()));
    // Both of them, and whoever names none leads somewhere, too.
    assert_eq!(leads(&both[..1], ch), refused("fabric.sw.test"));
    assert_eq!(leads(&both[1..], ch), refused("relay.sw.test"));
    assert_eq!(leads(&both, None), refused("puc.signalwire.com"));
    assert_eq!(leads(&["*.signalwire.com"], Some("localhost")), Ok(()));
    assert_eq!(leads(&[], ch), refused("relay.sw.test"));
    // No suffix of a label, nothing above, nothing beside.
    for ch in ["relay.evilsw.test", "relay.sw.test.evil.example", "relay.sw.tests", "relay.test"] {
        assert!(leads(&["*.sw.test", "sw.test"], Some(ch)).is_err(), "{ch}");
    }
    // What is configured is the application's own choice.
    let (relay, fabric) = (
        SecureUrl::parse("wss://proxy.example.com", Plain::Never).unwrap(),
        SecureUrl::parse("https://proxy.example.com", Plain::Never).unwrap(),
    );
    let none = AllowedHosts::parse([""; 0]).unwrap();
    let rules = Rules { relay: Some(&relay), fabric: Some(&fabric), allowed: Some(&none) };
    assert!(Routing::resolve(ch, rules).is_ok());
    for bad in [
        "",
        "*",
        "*.",
        "*.com",
        "**.example.com",
        "a.*.example.com",
        "example.*",
        "https://example.com",
        "example.com:443",
        "example.com/",
        "exämple.com",
        ".example.com",
        "example.com.",
        "-a.example.com",
        "a b.example.com",
        "[::1]",
    ] {
        let error = AllowedHosts::parse([bad]).unwrap_err();
        assert!(matches!(error, Error::InvalidField { field: "allow_hosts", .. }), "{bad}: {error}");
    }
    assert!(AllowedHosts::parse(["localhost", "*.localhost", "xn--bcher-kva.example"]).is_ok());
}

#[test]
fn both_hosts_can_be_overridden_within_their_schemes() {
    let plain = |text| SecureUrl::parse(text, Plain::Loopback).unwrap();
    let resolve = |relay: Option<&SecureUrl>, fabric: Option<&SecureUrl>| {
        Routing::resolve(Some("relay.sw.test"), Rules { relay, fabric, allowed: None })
    };
    let (ws, http) = (plain("ws://127.0.0.1:1/x"), plain("http://127.0.0.1:2"));
    let routing = resolve(Some(&ws), None).unwrap();
    assert_eq!(routing.fabric().as_str(), "https://fabric.sw.test/");
    let routing = resolve(Some(&ws), Some(&http)).unwrap();
    assert_eq!(routing.relay().as_str(), "ws://127.0.0.1:1/x");
    assert_eq!(routing.fabric().as_str(), "http://127.0.0.1:2/");
    assert!(resolve(Some(&plain("https://example.com")), None).is_err());
    assert!(resolve(None, Some(&plain("wss://example.com"))).is_err());
}
