//! Against servers that do what they should not.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use satkeeper_core::error::Error as SessionError;
use satkeeper_core::secret::Secret;
use satkeeper_core::wire::http::{HeaderValue, HttpRequest, HttpResponse, MAX_BODY, Method};
use satkeeper_core::wire::url::{Plain, SecureUrl};
use satkeeper_fixtures::canned::{Canned, Identity, Sealed};
use satkeeper_host::Clock;
use satkeeper_host::tls::Tls;
use tokio::net::TcpListener;

use super::Http;

fn url(text: &str) -> SecureUrl {
    SecureUrl::parse(text, Plain::Loopback).unwrap()
}

const CANARY: &str = "canary-5b1f";

fn post(url: SecureUrl) -> HttpRequest {
    HttpRequest {
        method: Method::Post,
        url,
        headers: vec![
            ("content-type", HeaderValue::Plain("application/json")),
            ("authorization", HeaderValue::Secret(Secret::new(format!("Bearer {CANARY}")))),
        ],
        body: Some(Secret::new(format!(r#"{{"dpop_token":"{CANARY}"}}"#))),
    }
}

async fn send(
    request: HttpRequest,
    ca: Option<&Identity>,
    within: u64,
) -> Result<HttpResponse, SessionError> {
    let tls = Tls::new(ca.map(|ca| ca.ca_pem.as_bytes())).unwrap();
    let clock = Clock::start();
    let deadline = clock.now().tick.after(within);
    Http::new(tls).unwrap().send(request, deadline, clock).await
}

// proves L50
#[tokio::test]
async fn a_body_is_read_up_to_its_limit_and_the_status_survives() {
    for (head, status) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", 200),
        ("HTTP/1.1 500 Internal Server Error\r\n\r\n", 500),
    ] {
        let server = Canned::start(head, &[b'x'; 4096], true);
        let response = send(post(url(&server.url())), None, 5_000).await.unwrap();
        assert_eq!((response.status, response.body.len()), (status, MAX_BODY));
        // Socket buffers take some more, but the rest is not asked for.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let sent = server.sent.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(server.sent.load(Ordering::SeqCst), sent);
    }
}

// proves L50
#[tokio::test]
async fn no_redirect_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = Canned::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"{}", false);
        let head = format!(
            "HTTP/1.1 {status} Moved\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n",
            elsewhere.address
        );
        let server = Canned::start(&head, b"", false);
        let response = send(post(url(&server.url())), None, 5_000).await.unwrap();
        assert_eq!(response.status, status);
        assert_eq!(elsewhere.connections.load(Ordering::SeqCst), 0);
    }
}

// proves L45
#[tokio::test]
async fn nothing_is_sent_twice() {
    let server = Canned::start("", b"", false);
    let error = send(post(url(&server.url())), None, 5_000).await.unwrap_err();
    assert!(matches!(error, SessionError::Transport { .. }), "{error}");
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

// proves L1, L51
#[tokio::test]
async fn the_deadline_holds_for_a_server_that_is_silent_or_drips() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_url = url(&format!("http://{}/", silent.local_addr().unwrap()));
    let dripping = Canned::start("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", b"x", true);
    for server in [silent_url, url(&dripping.url())] {
        let begun = Instant::now();
        let error = send(post(server), None, 300).await.unwrap_err();
        assert!(matches!(error, SessionError::Timeout { after_ms: 1..=300, .. }), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(2));
    }
}

#[tokio::test]
async fn the_headers_that_matter_are_handed_on() {
    let head = "HTTP/1.1 401 Unauthorized\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: 7\r\n\
        DPoP-Nonce: n1\r\nWWW-Authenticate: Bearer\r\nWWW-Authenticate: DPoP error=\"use_dpop_nonce\"\r\n\
        Content-Length: 2\r\n\r\n";
    let server = Canned::start(head, b"{}", false);
    let response = send(post(url(&server.url())), None, 5_000).await.unwrap();
    assert_eq!(response.server_unix_ms(), Some(784_111_777_000));
    assert_eq!(response.retry_after_ms(), Some(7_000));
    assert_eq!(response.dpop_nonce.as_deref(), Some("n1"));
    assert_eq!(response.www_authenticate.as_deref(), Some("Bearer, DPoP error=\"use_dpop_nonce\""));
    assert_eq!(response.body.as_slice(), b"{}");
}

// proves L49
#[tokio::test]
async fn no_error_repeats_a_credential() {
    let mut split = post(url("http://127.0.0.1:1/"));
    split.headers.push(("dpop", HeaderValue::Secret(Secret::new(format!("{CANARY}\r\nx: y")))));
    let refused = post(url(&format!("http://127.0.0.1:1/path?token={CANARY}")));
    for request in [split, refused] {
        let error = send(request, None, 5_000).await.unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(!told.contains(CANARY) && !told.contains("127.0.0.1:1/"), "{told}");
    }
}

// proves L50
#[tokio::test]
async fn a_server_that_is_not_trusted_gets_no_byte() {
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
        let request = post(url(&format!("https://localhost:{}/", server.port)));
        let error = send(request, ca, 5_000).await.unwrap_err();
        assert!(
            matches!(&error, SessionError::Transport { message } if message.contains("certificate")),
            "{error}"
        );
        assert_eq!(server.received.load(Ordering::SeqCst), 0);
    }
    let server = Sealed::start(&good);
    let request = post(url(&format!("https://localhost:{}/", server.port)));
    assert_eq!(send(request, Some(&good), 5_000).await.unwrap().status, 204);
    assert!(server.received.load(Ordering::SeqCst) > 0);
}

#[tokio::test]
async fn http_2_is_spoken_where_the_server_does() {
    for (offered, agreed) in [(&[&b"h2"[..], b"http/1.1"][..], &b"h2"[..]), (&[b"http/1.1"], b"http/1.1")] {
        let identity = Identity::new("localhost", false).speaking(offered);
        let server = Sealed::start(&identity);
        // The server answers in HTTP/1.1, whatever was agreed upon.
        let _ = send(post(url(&format!("https://localhost:{}/", server.port))), Some(&identity), 5_000).await;
        assert_eq!(*server.protocol.lock().unwrap(), agreed);
    }
}
