//! Against servers that do what they should not.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use satkeeper_core::error::Error as SessionError;
use satkeeper_core::secret::Secret;
use satkeeper_core::wire::http::{HeaderValue, HttpRequest, HttpResponse, MAX_BODY, Method};
use satkeeper_core::wire::url::{Plain, SecureUrl};
use satkeeper_fixtures::canned::{Breaking, Canned, Identity, Sealed, Swallowing};
use satkeeper_host::Proxies;

use super::Http;
use crate::dial::tests::let_lead;
use crate::network::Network;

const CANARY: &str = "canary-5b1f";

fn post(url: &str) -> HttpRequest {
    HttpRequest {
        method: Method::Post,
        url: SecureUrl::parse(url, Plain::Loopback).unwrap(),
        headers: vec![
            ("content-type", HeaderValue::Plain("application/json")),
            ("authorization", HeaderValue::Secret(Secret::new(format!("Bearer {CANARY}")))),
        ],
        body: Some(Secret::new(format!(r#"{{"dpop_token":"{CANARY}"}}"#))),
    }
}

fn http(ca: Option<&Identity>) -> Http {
    Http::new(Network::by_way_of(Proxies::none(), ca.map(|ca| ca.ca_pem.as_bytes())).unwrap())
}

fn send(request: &HttpRequest, within: u64) -> Result<HttpResponse, SessionError> {
    http(None).send(request, Duration::from_millis(within))
}

// proves R36.8
#[test]
fn a_body_is_read_up_to_its_limit_and_the_status_survives() {
    for (head, status) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", 200),
        ("HTTP/1.1 500 Internal Server Error\r\n\r\n", 500),
    ] {
        let server = Canned::start(head, &[b'x'; 4096], true);
        let response = send(&post(&server.url()), 5_000).unwrap();
        assert_eq!((response.status, response.body.len()), (status, MAX_BODY));
        // Socket buffers take some more, but the rest is not asked for.
        thread::sleep(Duration::from_millis(200));
        let sent = server.sent.load(Ordering::SeqCst);
        thread::sleep(Duration::from_millis(200));
        assert_eq!(server.sent.load(Ordering::SeqCst), sent);
    }
}

// proves R36.5
#[test]
fn no_redirect_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = Canned::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"{}", false);
        let to = elsewhere.url();
        let head = format!("HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
        let server = Canned::start(&head, b"", false);
        assert_eq!(send(&post(&server.url()), 5_000).unwrap().status, status);
        assert_eq!(elsewhere.connections.load(Ordering::SeqCst), 0);
    }
}

// proves R35.3
#[test]
fn nothing_is_sent_twice() {
    let server = Canned::start("", b"", false);
    let error = send(&post(&server.url()), 5_000).unwrap_err();
    assert!(matches!(error, SessionError::Transport { .. }), "{error}");
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);

    // Nor on a connection that was kept and that the server has closed since.
    let server = Canned::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"{}", false);
    let http = http(None);
    for turn in 1..=3 {
        let answer = http.send(&post(&server.url()), Duration::from_secs(5)).unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(server.connections.load(Ordering::SeqCst), turn);
        thread::sleep(Duration::from_millis(50));
    }
}

// proves R29.1, R36.7
#[test]
fn the_deadline_holds_for_a_server_that_is_silent_or_drips() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}/", silent.local_addr().unwrap());
    let dripping = Canned::start("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", b"x", true);
    for server in [silent, dripping.url()] {
        let begun = Instant::now();
        let error = send(&post(&server), 300).unwrap_err();
        assert!(matches!(error, SessionError::Timeout { after_ms: 300, .. }), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(2));
    }
}

#[test]
fn a_request_that_waits_ends_with_its_session() {
    // proves R33
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let (http, begun) = (http(None), Instant::now());
    let sending = http.clone();
    let waiting = thread::spawn(move || sending.send(&post(&url), Duration::from_secs(60)));
    let (_stream, _) = silent.accept().unwrap();
    thread::sleep(Duration::from_millis(50));
    http.shut_down();
    assert!(matches!(waiting.join().unwrap(), Err(SessionError::Transport { .. })));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn the_headers_that_matter_are_handed_on() {
    let head = "HTTP/1.1 401 Unauthorized\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: 7\r\n\
        DPoP-Nonce: n1\r\nWWW-Authenticate: Bearer\r\nWWW-Authenticate: DPoP error=\"use_dpop_nonce\"\r\n\
        Content-Length: 2\r\n\r\n";
    let server = Canned::start(head, b"{}", false);
    let response = send(&post(&server.url()), 5_000).unwrap();
    assert_eq!(response.server_unix_ms(), Some(784_111_777_000));
    assert_eq!(response.retry_after_ms(), Some(7_000));
    assert_eq!(response.dpop_nonce.as_deref(), Some("n1"));
    assert_eq!(response.www_authenticate.as_deref(), Some("Bearer, DPoP error=\"use_dpop_nonce\""));
    assert_eq!(response.body.as_slice(), b"{}");
}

// proves R36.1
#[test]
fn no_error_repeats_a_credential() {
    let mut split = post("http://127.0.0.1:1/");
    split.headers.push(("dpop", HeaderValue::Secret(Secret::new(format!("{CANARY}\r\nx: y")))));
    let refused = post(&format!("http://127.0.0.1:1/path?token={CANARY}"));
    let garbled = Canned::start(&format!("{CANARY} {CANARY}\r\n{CANARY}: {CANARY}\r\n\r\n"), b"", false);
    for request in [split, refused, post(&garbled.url())] {
        let error = send(&request, 5_000).unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(!told.contains(CANARY) && !told.contains("127.0.0.1:1/"), "{told}");
    }
}

// proves R36.4
#[test]
fn a_server_that_is_not_trusted_gets_no_byte() {
    let good = Identity::new("localhost", false);
    let (expired, other_host) = (Identity::new("localhost", true), Identity::new("example.com", false));
    let unrelated = Identity::new("localhost", false);
    for (identity, ca) in [
        (&good, None),
        (&good, Some(&unrelated)),
        (&expired, Some(&expired)),
        (&other_host, Some(&other_host)),
    ] {
        let server = Sealed::start(identity);
        let request = post(&format!("https://localhost:{}/", server.port));
        let error = http(ca).send(&request, Duration::from_secs(5)).unwrap_err();
        assert!(
            matches!(&error, SessionError::Unreachable { message } if message.contains("certificate")),
            "{error}"
        );
        assert_eq!(server.received.load(Ordering::SeqCst), 0);
    }
    let server = Sealed::start(&good);
    let request = post(&format!("https://localhost:{}/", server.port));
    let http = http(Some(&good));
    assert_eq!(http.send(&request, Duration::from_secs(5)).unwrap().status, 204);
    assert!(server.received.load(Ordering::SeqCst) > 0);
}

// survives W16
#[test]
fn a_token_that_has_come_is_not_lost_for_what_does_not_follow() {
    let json = "{\"token\": \"eyJ\"}";
    for head in [
        // Cut short, and held open after all that there is.
        format!("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{json}"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{json}\r\n", json.len()),
    ] {
        let cut = Canned::start(&head, b"", false);
        let answer = send(&post(&cut.url()), 5_000).unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, json.as_bytes()));
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"token\": \"ey";
    let torn = Canned::start(head, b"", false);
    assert!(matches!(send(&post(&torn.url()), 5_000), Err(SessionError::Transport { .. })));
    // Blanks that drip for ever change nothing.
    let held = format!("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{json}");
    let dripping = Canned::start(&held, b" ", true);
    let answer = send(&post(&dripping.url()), 300).unwrap();
    assert!(answer.body.starts_with(json.as_bytes()));
}

// survives W19
#[test]
fn errors_name_host_and_port() {
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = send(&post(&format!("http://{dead}/")), 5_000).unwrap_err();
    let told = error.to_string();
    assert!(matches!(error, SessionError::Unreachable { .. }), "{told}");
    assert!(
        told.contains(&dead.to_string()) && !told.contains("certificate") && !told.contains("proxy"),
        "{told}"
    );
    // A label that no name may have: nobody is asked.
    let no_name =
        send(&post(&format!("https://{}.invalid/", "x".repeat(64))), 9_000).unwrap_err().to_string();
    assert!(no_name.contains(".invalid:443") && no_name.contains("resolve"), "{no_name}");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = silent.local_addr().unwrap();
    let late = send(&post(&format!("http://{here}/")), 1_500).unwrap_err().to_string();
    assert!(late.starts_with(&format!("no answer to an HTTP request to {here} within")), "{late}");
}

// proves R12.6
// survives W19
#[test]
fn where_no_connection_came_to_be_nothing_was_presented_and_the_reason_is_told() {
    let identity = Identity::new("localhost", false);
    // Takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap();
    let breaking = Breaking::start();
    let swallowing = Swallowing::start(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0)));
    let through = |proxy: SocketAddr| Proxies::through(&format!("http://{proxy}")).unwrap();
    let straight = |to: SocketAddr, word| (Proxies::none(), format!("http://{to}/"), to.to_string(), word);
    let mut cases = vec![
        (Proxies::none(), format!("https://{silent}/"), silent.to_string(), "does not go on"),
        (
            through(silent),
            "https://relay.test/".to_owned(),
            format!("the proxy http://{silent}"),
            "is a proxy",
        ),
        (
            through(breaking.address),
            "https://relay.test/".to_owned(),
            format!("the proxy http://{}", breaking.address),
            "broke the connection",
        ),
    ];
    cases.extend(swallowing.as_ref().map(|it| straight(it.address, "a way through a proxy")));
    for (proxies, to, who, word) in cases {
        let http = Http::new(Network::by_way_of(proxies, Some(identity.ca_pem.as_bytes())).unwrap());
        let error = http.send(&post(&to), Duration::from_millis(400)).unwrap_err();
        let told = error.to_string();
        assert!(matches!(error, SessionError::Unreachable { .. }), "{to}: {told}");
        assert!(told.contains(&who) && told.contains(word), "{to}: {told}");
    }
}

// survives W6
#[test]
fn an_address_that_swallows_does_not_hold_a_request_up() {
    let identity = Identity::new("two.test", false);
    let server = Sealed::start(&identity);
    // Only some systems have the whole of 127.0.0.0/8 on loopback.
    let swallowing = Swallowing::start(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0)));
    assert!(swallowing.is_some() || !cfg!(target_os = "linux"));
    let Some(swallowing) = swallowing else { return };
    let live = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port));
    let_lead("two.test", vec![swallowing.address, live]);
    let begun = Instant::now();
    let request = post(&format!("https://two.test:{}/", server.port));
    let answer = http(Some(&identity)).send(&request, Duration::from_secs(20));
    assert_eq!(answer.unwrap().status, 204);
    assert!(begun.elapsed() < Duration::from_secs(8));
}

// survives W6
#[test]
fn after_a_change_of_networks_no_connection_is_used_again() {
    let identity = Identity::new("localhost", false);
    let server = Sealed::start(&identity);
    let http = http(Some(&identity));
    let url = SecureUrl::parse(&format!("https://localhost:{}/", server.port), Plain::Never).unwrap();
    let request = HttpRequest { method: Method::Get, url, headers: Vec::new(), body: None };
    let send = || http.send(&request, Duration::from_secs(5)).unwrap().status;
    assert_eq!([send(), send(), send()], [204; 3]);
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    http.network_changed();
    assert_eq!(send(), 204);
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}
