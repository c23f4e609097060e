//! Against servers that do what they should not.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::secret::Secret;
use satkeeper_core::wire::http::{HeaderValue, HttpRequest, HttpResponse, MAX_BODY, Method};
use satkeeper_core::wire::url::{Plain, SecureUrl};
use satkeeper_fixtures::canned::{Breaking, Canned, Identity, Sealed, Swallowing};
use satkeeper_host::tls::Tls;
use satkeeper_host::{Clock, Proxies};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::Http;
use crate::dial::Dialer;
use crate::dial::tests::let_lead;

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
    send_by(&http(ca), request, within).await
}

fn http(ca: Option<&Identity>) -> Http {
    let tls = Tls::new(ca.map(|ca| ca.ca_pem.as_bytes())).unwrap();
    Http::new(&Dialer::new(tls, Proxies::none()))
}

async fn send_by(http: &Http, request: HttpRequest, within: u64) -> Result<HttpResponse, SessionError> {
    let clock = Clock::start();
    let deadline = clock.now().tick.after(within);
    http.clone().send(request, (deadline, Duration::ZERO), clock).await
}

// proves R36.8
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

// proves R36.5
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

// proves R35.3
#[tokio::test]
async fn nothing_is_sent_twice() {
    let server = Canned::start("", b"", false);
    let error = send(post(url(&server.url())), None, 5_000).await.unwrap_err();
    assert!(matches!(error, SessionError::Transport { .. }), "{error}");
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

// proves R29.1, R36.7
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

// proves R36.1
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

// proves R36.4
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
            matches!(&error, SessionError::Unreachable { message } if message.contains("certificate")),
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

// survives W16
#[tokio::test]
async fn a_token_that_has_come_is_not_lost_for_what_does_not_follow() {
    let json = "{\"token\": \"eyJ\"}";
    for head in [
        // Cut short, and held open after all that there is.
        format!("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{json}"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{json}\r\n", json.len()),
    ] {
        let cut = Canned::start(&head, b"", false);
        let answer = send(post(url(&cut.url())), None, 5_000).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, json.as_bytes()));
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"token\": \"ey";
    let torn = Canned::start(head, b"", false);
    assert!(matches!(send(post(url(&torn.url())), None, 5_000).await, Err(SessionError::Transport { .. })));
    // Blanks that drip for ever change nothing.
    let held = format!("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{json}");
    let dripping = Canned::start(&held, b" ", true);
    let answer = send(post(url(&dripping.url())), None, 300).await.unwrap();
    assert!(answer.body.starts_with(json.as_bytes()));
}

// survives W19
#[tokio::test]
async fn errors_name_host_and_port() {
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = send(post(url(&format!("http://{dead}/"))), None, 5_000).await.unwrap_err();
    let told = error.to_string();
    assert!(matches!(error, SessionError::Unreachable { .. }), "{told}");
    assert!(
        told.contains(&dead.to_string()) && !told.contains("certificate") && !told.contains("proxy"),
        "{told}"
    );
    // A label that no name may have: nobody is asked.
    let no_name = send(post(url(&format!("https://{}.invalid/", "x".repeat(64)))), None, 9_000)
        .await
        .unwrap_err()
        .to_string();
    assert!(no_name.contains(".invalid:443") && no_name.contains("resolve"), "{no_name}");
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = silent.local_addr().unwrap();
    let late = send(post(url(&format!("http://{here}/"))), None, 1_500).await.unwrap_err().to_string();
    assert!(late.starts_with(&format!("no answer to an HTTP request to {here} within")), "{late}");
}

// proves R12.6
// survives W19
#[tokio::test]
async fn where_no_connection_came_to_be_nothing_was_presented_and_the_reason_is_told() {
    let identity = Identity::new("localhost", false);
    let tls = || Tls::new(Some(identity.ca_pem.as_bytes())).unwrap();
    // Takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
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
        let http = Http::new(&Dialer::new(tls(), proxies));
        let error = send_by(&http, post(url(&to)), 400).await.unwrap_err();
        let told = error.to_string();
        assert!(matches!(error, SessionError::Unreachable { .. }), "{to}: {told}");
        assert!(told.contains(&who) && told.contains(word), "{to}: {told}");
    }
}

// survives W6
#[tokio::test]
async fn an_address_that_swallows_does_not_hold_a_request_up() {
    let identity = Identity::new("two.test", false);
    let server = Sealed::start(&identity);
    // Only some systems have the whole of 127.0.0.0/8 on loopback.
    let swallowing = Swallowing::start(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0)));
    assert!(swallowing.is_some() || !cfg!(target_os = "linux"));
    let Some(swallowing) = swallowing else { return };
    let live = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port));
    let_lead("two.test", vec![swallowing.address, live]);
    let begun = Instant::now();
    let request = post(url(&format!("https://two.test:{}/", server.port)));
    let answer = send(request, Some(&identity), 20_000).await;
    assert_eq!(answer.unwrap().status, 204);
    assert!(begun.elapsed() < Duration::from_secs(8));
}

/// An HTTP/2 server that stops saying anything when told so, while TCP goes on to acknowledge.
struct Mute {
    port: u16,
    connections: Arc<AtomicUsize>,
    is_mute: watch::Sender<bool>,
}

impl Mute {
    async fn start(identity: &Identity) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_mute, muted) = watch::channel(false);
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let acceptor = TlsAcceptor::from(identity.config());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (acceptor, mut muted) = (acceptor.clone(), muted.clone());
                muted.mark_unchanged();
                tokio::spawn(async move {
                    let stream = acceptor.accept(stream).await.unwrap();
                    let answer = service_fn(async |_| {
                        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("{}"))))
                    });
                    let serving = http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), answer);
                    let mut serving = pin!(serving);
                    tokio::select! {
                        _ = &mut serving => {}
                        _ = muted.changed() => std::future::pending().await,
                    }
                });
            }
        });
        Self { port, connections, is_mute }
    }

    fn request(&self) -> HttpRequest {
        post(url(&format!("https://localhost:{}/", self.port)))
    }
}

// survives W6
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_http_2_connection_is_found_out_within_seconds() {
    let identity = Identity::new("localhost", false).speaking(&[b"h2"]);
    let server = Mute::start(&identity).await;
    let http = http(Some(&identity));
    for _ in 0..2 {
        assert_eq!(send_by(&http, server.request(), 10_000).await.unwrap().status, 200);
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    server.is_mute.send_replace(true);
    // Long before its deadline.
    let error = send_by(&http, server.request(), 60_000).await.unwrap_err();
    assert!(matches!(error, SessionError::Transport { .. }), "{error}");
    assert_eq!(send_by(&http, server.request(), 10_000).await.unwrap().status, 200);
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}

// survives W6
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_timed_out_retires_its_connection() {
    let identity = Identity::new("localhost", false).speaking(&[b"h2"]);
    let server = Mute::start(&identity).await;
    let http = http(Some(&identity));
    assert_eq!(send_by(&http, server.request(), 10_000).await.unwrap().status, 200);
    server.is_mute.send_replace(true);
    let error = send_by(&http, server.request(), 300).await.unwrap_err();
    assert!(matches!(error, SessionError::Timeout { .. }), "{error}");
    assert_eq!(send_by(&http, server.request(), 10_000).await.unwrap().status, 200);
    // Nor is one used again that belongs to a network which the machine has left.
    http.network_changed();
    assert_eq!(send_by(&http, server.request(), 10_000).await.unwrap().status, 200);
    assert_eq!(server.connections.load(Ordering::SeqCst), 3);
}
