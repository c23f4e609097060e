//! Against servers that behave, and that do not.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use http::HeaderValue;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::SocketId;
use satkeeper_core::secret::Secret;
use satkeeper_core::session::SessionInput;
use satkeeper_core::wire::url::{Plain, SecureUrl};
use satkeeper_fixtures::canned::{Canned, Identity, Sealed, Upgrading};
use satkeeper_host::Proxies;
use satkeeper_host::socket::{MAX_MESSAGE, MAX_QUEUED_BYTES};
use satkeeper_host::tls::Tls;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use super::{INBOX, SocketEvent, Sockets};
use crate::dial::Dialer;

const ONE: SocketId = SocketId(1);
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

fn url(text: &str) -> SecureUrl {
    SecureUrl::parse(text, Plain::Loopback).unwrap()
}

fn begin(ca_pem: Option<&str>) -> (Sockets, mpsc::Receiver<SocketEvent>) {
    Sockets::new(Dialer::new(Tls::new(ca_pem.map(str::as_bytes)).unwrap(), Proxies::none()))
}

/// A socket that is open, and the server's end of it.
async fn pair() -> (Sockets, mpsc::Receiver<SocketEvent>, WebSocketStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (mut sockets, mut events) = begin(None);
    sockets.open(ONE, url(&format!("ws://{}/", listener.local_addr().unwrap())), Duration::from_secs(5));
    let (stream, _) = listener.accept().await.unwrap();
    #[allow(clippy::result_large_err)]
    let date = |_: &Request, mut response: Response| {
        response.headers_mut().insert("date", HeaderValue::from_static(DATE));
        Ok(response)
    };
    let server = accept_hdr_async(stream, date).await.unwrap();
    let Some(SocketEvent { socket: ONE, input: SessionInput::Opened { date, .. }, .. }) = events.recv().await
    else {
        panic!("opened")
    };
    assert_eq!(date.as_deref(), Some(DATE));
    (sockets, events, server)
}

async fn closed(events: &mut mpsc::Receiver<SocketEvent>) -> SessionError {
    match events.recv().await {
        Some(SocketEvent { socket: ONE, input: SessionInput::Closed { error: Some(error), .. }, .. }) => {
            error
        }
        _ => panic!("a closed socket"),
    }
}

#[tokio::test]
async fn frames_go_both_ways_in_order() {
    let (mut sockets, mut events, mut server) = pair().await;
    for n in 0..5 {
        sockets.send(ONE, Secret::new(format!("{n}"))).unwrap();
    }
    for n in 0..5 {
        assert_eq!(server.next().await.unwrap().unwrap(), Message::text(format!("{n}")));
    }
    server.send(Message::text("hello")).await.unwrap();
    server.send(Message::binary(vec![1, 2])).await.unwrap();
    assert!(
        matches!(events.recv().await, Some(SocketEvent { socket: ONE, input: SessionInput::Frame { text, .. }, .. }) if text == "hello")
    );
    assert!(matches!(
        events.recv().await,
        Some(SocketEvent { socket: ONE, input: SessionInput::OddFrame { .. }, .. })
    ));
    assert!(sockets.knows(ONE));
}

#[tokio::test]
async fn pings_are_answered_without_the_session() {
    let (_sockets, _news, mut server) = pair().await;
    server.send(Message::Ping(vec![7].into())).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::Pong(vec![7].into()));
}

// proves R36.8
#[tokio::test]
async fn the_largest_frame_passes_and_a_larger_one_ends_the_socket() {
    let (_sockets, mut events, mut server) = pair().await;
    server.send(Message::text("x".repeat(MAX_MESSAGE))).await.unwrap();
    assert!(
        matches!(events.recv().await, Some(SocketEvent { socket: ONE, input: SessionInput::Frame { text, .. }, .. }) if text.len() == MAX_MESSAGE)
    );
    let _ = server.send(Message::text("x".repeat(MAX_MESSAGE + 1))).await;
    assert!(matches!(
        events.recv().await,
        Some(SocketEvent { socket: ONE, input: SessionInput::OddFrame { .. }, .. })
    ));
    assert!(matches!(closed(&mut events).await, SessionError::Transport { .. }));
}

#[tokio::test]
async fn a_close_is_told_with_its_code() {
    let (_sockets, mut events, mut server) = pair().await;
    let frame =
        tokio_tungstenite::tungstenite::protocol::CloseFrame { code: 1012.into(), reason: "later".into() };
    server.close(Some(frame)).await.unwrap();
    assert!(closed(&mut events).await.to_string().contains("1012 later"));
    // The answer to the Close comes too.
    while let Some(Ok(_)) = server.next().await {}
}

#[tokio::test]
async fn what_is_queued_is_sent_before_the_goodbye() {
    let (mut sockets, events, mut server) = pair().await;
    for n in 0..100 {
        sockets.send(ONE, Secret::new(format!("{n}"))).unwrap();
    }
    sockets.close(ONE);
    assert!(!sockets.knows(ONE));
    sockets.send(ONE, Secret::new("to a socket that has gone")).unwrap();
    let serve = async {
        for n in 0..100 {
            assert_eq!(server.next().await.unwrap().unwrap(), Message::text(format!("{n}")));
        }
        assert!(matches!(server.next().await.unwrap().unwrap(), Message::Close(_)));
        assert!(server.next().await.is_none());
    };
    let ((), ()) = tokio::join!(serve, sockets.finish(events));
}

// survives W10
#[tokio::test]
async fn nor_does_a_server_that_floods_keep_anything_from_being_sent() {
    // Which of the things that a socket waits for is seen first is by chance.
    for _ in 0..20 {
        let (mut sockets, events, mut server) = pair().await;
        // More than anybody has room for: the socket waits to be heard.
        for _ in 0..2 * INBOX {
            server.send(Message::text("flood")).await.unwrap();
        }
        while events.len() < INBOX {
            tokio::task::yield_now().await;
        }
        for n in 0..10 {
            sockets.send(ONE, Secret::new(format!("{n}"))).unwrap();
        }
        let serve = async move {
            for n in 0..10 {
                assert_eq!(server.next().await.unwrap().unwrap(), Message::text(format!("{n}")));
            }
            assert!(matches!(server.next().await.unwrap().unwrap(), Message::Close(_)));
        };
        let ((), ()) = tokio::join!(sockets.finish(events), serve);
    }
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_given_up_and_never_waited_for() {
    let (mut sockets, events, _server) = pair().await;
    let begun = Instant::now();
    let frame = "x".repeat(64 * 1024);
    let mut taken = 0;
    let error = loop {
        match sockets.send(ONE, Secret::new(frame.clone())) {
            Ok(()) => taken += frame.len(),
            Err(error) => break error,
        }
        tokio::task::yield_now().await;
        assert!(taken < 64 * MAX_QUEUED_BYTES, "the queue is not bounded");
    };
    assert!(matches!(error, SessionError::Transport { .. }));
    assert!(!sockets.knows(ONE));
    sockets.finish(events).await;
    assert!(begun.elapsed() < Duration::from_secs(5));
}

// proves R29.1, R36.7
#[tokio::test]
async fn whoever_does_not_speak_websocket_is_told_apart() {
    let refusing = Canned::start("HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\n", b"canary", false);
    let (mut sockets, mut events) = begin(None);
    sockets.open(ONE, url(&format!("ws://{}/", refusing.address)), Duration::from_secs(5));
    let told = closed(&mut events).await.to_string();
    assert!(told.contains("403") && !told.contains("canary"), "{told}");

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_url = url(&format!("ws://{}/", silent.local_addr().unwrap()));
    sockets.open(ONE, silent_url, Duration::from_millis(200));
    assert!(matches!(closed(&mut events).await, SessionError::Timeout { after_ms: 200, .. }));

    sockets.open(ONE, url("ws://127.0.0.1:1/"), Duration::from_secs(5));
    assert!(matches!(closed(&mut events).await, SessionError::Unreachable { .. }));

    // And at which step it hung, on the way to one that is not reached at all.
    let proxy = silent.local_addr().unwrap();
    let identity = Identity::new("localhost", false);
    for (proxies, to, word) in [
        (Proxies::none(), format!("wss://{proxy}/"), "does not go on"),
        (Proxies::through(&format!("http://{proxy}")).unwrap(), "wss://relay.test/".to_owned(), "the proxy"),
    ] {
        let tls = Tls::new(Some(identity.ca_pem.as_bytes())).unwrap();
        let (mut sockets, mut events) = Sockets::new(Dialer::new(tls, proxies));
        sockets.open(ONE, url(&to), Duration::from_millis(200));
        let error = closed(&mut events).await;
        assert!(matches!(&error, SessionError::Unreachable { message } if message.contains(word)), "{error}");
    }
}

// proves R36.4
#[tokio::test]
async fn a_server_that_is_not_trusted_gets_no_byte() {
    let identity = Identity::new("localhost", false).speaking(&[b"h2", b"http/1.1"]);
    let server = Sealed::start(&identity);
    let address = url(&format!("wss://localhost:{}/", server.port));
    let (mut sockets, mut events) = begin(None);
    sockets.open(ONE, address.clone(), Duration::from_secs(5));
    assert!(closed(&mut events).await.to_string().contains("certificate"));
    assert_eq!(server.received.load(Ordering::SeqCst), 0);

    let (mut sockets, mut events) = begin(Some(&identity.ca_pem));
    sockets.open(ONE, address, Duration::from_secs(5));
    assert!(closed(&mut events).await.to_string().contains("204"));
    assert!(server.received.load(Ordering::SeqCst) > 0);
    // A WebSocket must not be agreed upon as HTTP/2.
    assert!(server.protocol.lock().unwrap().is_empty());
}

/// What proxies and content networks make of the head of a good upgrade.
const HEADS: [&str; 3] = [
    "HTTP/1.1 101 Switching Protocols\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
     Sec-WebSocket-Accept: ACCEPT\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: keep-alive\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\
     Sec-WebSocket-Accept: ACCEPT\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
     Upgrade: websocket\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n",
];

/// A text, and a Close as a gateway sends it.
const FRAMES: &[u8] = b"\x81\x02{}\x88\x0d\x03\xf6bad gateway";

// survives W15
#[tokio::test]
async fn an_upgrade_through_gateways_is_one_and_their_close_is_told() {
    for head in HEADS {
        let server = Upgrading::start(head, FRAMES);
        let (mut sockets, mut events) = begin(None);
        sockets.open(ONE, url(&format!("ws://{}/", server.address)), Duration::from_secs(5));
        assert!(
            matches!(
                events.recv().await,
                Some(SocketEvent { socket: ONE, input: SessionInput::Opened { .. }, .. })
            ),
            "{head}"
        );
        // What came along with the answer is not lost.
        assert!(
            matches!(events.recv().await, Some(SocketEvent { socket: ONE, input: SessionInput::Frame { text, .. }, .. }) if text == "{}")
        );
        let told = closed(&mut events).await.to_string();
        assert!(told.contains("1014 bad gateway") && told.contains(&server.address.to_string()), "{told}");
    }
}

// survives W15
#[tokio::test]
async fn a_refused_upgrade_says_how_long_to_wait() {
    let server = Upgrading::start("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", b"");
    let (mut sockets, mut events) = begin(None);
    sockets.open(ONE, url(&format!("ws://{}/", server.address)), Duration::from_secs(5));
    let peer = server.address.to_string();
    let refused = SessionError::UpgradeRefused { peer, status: 503, retry_after_ms: Some(7_000) };
    assert_eq!(closed(&mut events).await, refused);
}
