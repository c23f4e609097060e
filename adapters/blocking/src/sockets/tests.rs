//! Against servers that behave, and that do not.

use std::collections::VecDeque;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::SocketId;
use satkeeper_core::secret::Secret;
use satkeeper_core::session::SessionInput;
use satkeeper_core::wire::url::{Plain, SecureUrl};
use satkeeper_fixtures::canned::{Canned, Identity, Sealed, Upgrading};
use satkeeper_host::Proxies;
use satkeeper_host::socket::{GOODBYE, MAX_MESSAGE, MAX_QUEUED_BYTES};
use tungstenite::handshake::server::{Request, Response};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, WebSocket, accept_hdr};

use super::Sockets;
use crate::mailbox::{self, Mailbox};
use crate::network::Network;
use crate::threads::Threads;

const ONE: SocketId = SocketId(1);
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// What a driver does, without a session.
struct Loop {
    poll: Poll,
    inbox: Receiver<mailbox::Message>,
    sockets: Sockets,
    inputs: VecDeque<SessionInput>,
}

impl Loop {
    fn new(ca_pem: Option<&str>) -> Self {
        Self::by_way_of(Proxies::none(), ca_pem)
    }

    fn by_way_of(proxies: Proxies, ca_pem: Option<&str>) -> Self {
        let poll = Poll::new().unwrap();
        let (mailbox, inbox) = Mailbox::new(poll.registry(), Token(0)).unwrap();
        let network = Network::by_way_of(proxies, ca_pem.map(str::as_bytes)).unwrap();
        let registry = poll.registry().try_clone().unwrap();
        let sockets = Sockets::new(registry, 1, mailbox, Threads::default(), network);
        Self { poll, inbox, sockets, inputs: VecDeque::new() }
    }

    fn open(&mut self, url: &str, within: u64) {
        let url = SecureUrl::parse(url, Plain::Loopback).unwrap();
        self.sockets.open(ONE, url, Duration::from_millis(within)).unwrap();
    }

    /// One turn, with a wait of at most so long.
    fn turn(&mut self, limit: Duration) {
        let patience = self.sockets.turn(&mut self.inputs);
        if self.inputs.is_empty() {
            self.poll.poll(&mut Events::with_capacity(4), Some(patience.min(limit))).unwrap();
        }
        while let Ok(message) = self.inbox.try_recv() {
            if let mailbox::Message::Dialed(socket, dialed) = message {
                let input = self.sockets.dialed(socket, *dialed);
                self.inputs.extend(input);
            }
        }
    }

    fn next(&mut self) -> SessionInput {
        let begun = Instant::now();
        loop {
            if let Some(input) = self.inputs.pop_front() {
                return input;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "nothing comes");
            // Longer than that: what is there already must not be waited for.
            self.turn(Duration::from_secs(20));
        }
    }

    fn closed(&mut self) -> SessionError {
        match self.next() {
            SessionInput::Closed { socket: ONE, error: Some(error) } => error,
            _ => panic!("a closed socket"),
        }
    }

    fn frame(&mut self) -> String {
        match self.next() {
            SessionInput::Frame { socket: ONE, text } => text,
            _ => panic!("a frame"),
        }
    }

    /// Until all have said goodbye.
    fn finish(&mut self) {
        self.sockets.close_all();
        let begun = Instant::now();
        while self.sockets.are_leaving() {
            self.turn(Duration::from_secs(1));
            self.inputs.clear();
            assert!(begun.elapsed() < GOODBYE + Duration::from_secs(1));
        }
    }
}

/// A socket that is open, and the server's end of it.
fn pair() -> (Loop, WebSocket<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = Loop::new(None);
    client.open(&format!("ws://{}/", listener.local_addr().unwrap()), 5_000);
    let (stream, _) = listener.accept().unwrap();
    #[allow(clippy::result_large_err, reason = "tungstenite's")]
    let date = |_: &Request, mut response: Response| {
        response.headers_mut().insert("date", DATE.parse().unwrap());
        Ok(response)
    };
    let server = accept_hdr(stream, date).unwrap();
    let SessionInput::Opened { socket: ONE, date } = client.next() else { panic!("opened") };
    assert_eq!(date.as_deref(), Some(DATE));
    (client, server)
}

#[test]
fn frames_go_both_ways_in_order() {
    let (mut client, mut server) = pair();
    for n in 0..5 {
        client.sockets.send(ONE, &Secret::new(format!("{n}"))).unwrap();
    }
    client.turn(Duration::ZERO);
    for n in 0..5 {
        assert_eq!(server.read().unwrap(), Message::text(format!("{n}")));
    }
    for n in 0..40 {
        server.send(Message::text(format!("{n}"))).unwrap();
    }
    server.send(Message::binary(vec![1, 2])).unwrap();
    for n in 0..40 {
        assert_eq!(client.frame(), format!("{n}"));
    }
    assert!(matches!(client.next(), SessionInput::OddFrame { socket: ONE }));
}

#[test]
fn pings_are_answered_without_the_session() {
    let (mut client, mut server) = pair();
    let answering = thread::spawn(move || {
        server.send(Message::Ping(vec![7].into())).unwrap();
        server.read().unwrap()
    });
    while !answering.is_finished() {
        client.turn(Duration::from_millis(10));
    }
    assert_eq!(answering.join().unwrap(), Message::Pong(vec![7].into()));
}

// proves R36.8
#[test]
fn the_largest_frame_passes_and_a_larger_one_ends_the_socket() {
    let (mut client, mut server) = pair();
    thread::spawn(move || {
        server.send(Message::text("x".repeat(MAX_MESSAGE))).unwrap();
        let _ = server.send(Message::text("x".repeat(MAX_MESSAGE + 1)));
        let _ = server.read();
    });
    assert_eq!(client.frame().len(), MAX_MESSAGE);
    assert!(matches!(client.next(), SessionInput::OddFrame { socket: ONE }));
    assert!(matches!(client.closed(), SessionError::Transport { .. }));
    client.finish();
}

#[test]
fn a_close_is_told_with_its_code_and_answered() {
    let (mut client, mut server) = pair();
    server.close(Some(CloseFrame { code: 1012.into(), reason: "later".into() })).unwrap();
    assert!(client.closed().to_string().contains("1012 later"));
    let reading = thread::spawn(move || {
        loop {
            match server.read() {
                Ok(message) => assert!(matches!(message, Message::Close(_)), "{message}"),
                Err(error) => return error,
            }
        }
    });
    client.finish();
    assert!(matches!(reading.join().unwrap(), tungstenite::Error::ConnectionClosed));
}

#[test]
fn what_is_queued_is_sent_before_the_goodbye() {
    let (mut client, mut server) = pair();
    for n in 0..100 {
        client.sockets.send(ONE, &Secret::new(format!("{n}"))).unwrap();
    }
    client.sockets.close(ONE);
    client.sockets.send(ONE, &Secret::new("to a socket that has gone")).unwrap();
    let serving = thread::spawn(move || {
        for n in 0..100 {
            assert_eq!(server.read().unwrap(), Message::text(format!("{n}")));
        }
        assert!(matches!(server.read().unwrap(), Message::Close(_)));
        assert!(server.read().is_err());
    });
    client.finish();
    serving.join().unwrap();
}

#[test]
fn a_peer_that_does_not_read_is_given_up_and_never_waited_for() {
    let (mut client, _server) = pair();
    let (begun, frame, mut taken) = (Instant::now(), "x".repeat(64 * 1024), 0);
    let error = loop {
        match client.sockets.send(ONE, &Secret::new(frame.clone())) {
            Ok(()) => taken += frame.len(),
            Err(error) => break error,
        }
        client.turn(Duration::ZERO);
        assert!(taken < 64 * MAX_QUEUED_BYTES, "the queue is not bounded");
    };
    assert!(matches!(error, SessionError::Transport { .. }));
    client.sockets.send(ONE, &Secret::new("to a socket that has gone")).unwrap();
    client.finish();
    assert!(begun.elapsed() < Duration::from_secs(5));
}

// proves R29.1, R36.7
#[test]
fn whoever_does_not_speak_websocket_is_told_apart() {
    let refusing = Canned::start("HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\n", b"canary", false);
    let mut client = Loop::new(None);
    client.open(&format!("ws://{}/", refusing.address), 5_000);
    let told = client.closed().to_string();
    assert!(told.contains("403") && !told.contains("canary"), "{told}");

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let dripping = Canned::start("HTTP/1.1 101 Switching Protocols\r\nX: ", b"x", true);
    for address in [silent.local_addr().unwrap(), dripping.address] {
        let begun = Instant::now();
        client.open(&format!("ws://{address}/"), 200);
        assert!(matches!(client.closed(), SessionError::Timeout { after_ms: 200, .. }));
        assert!(begun.elapsed() < Duration::from_secs(2));
    }

    client.open("ws://127.0.0.1:1/", 5_000);
    assert!(matches!(client.closed(), SessionError::Unreachable { .. }));

    // And at which step it hung, on the way to one that is not reached at all.
    let proxy = silent.local_addr().unwrap();
    let identity = Identity::new("localhost", false);
    for (proxies, to, word) in [
        (Proxies::none(), format!("wss://{proxy}/"), "does not go on"),
        (Proxies::through(&format!("http://{proxy}")).unwrap(), "wss://relay.test/".to_owned(), "the proxy"),
    ] {
        let mut client = Loop::by_way_of(proxies, Some(&identity.ca_pem));
        client.open(&to, 200);
        let error = client.closed();
        assert!(matches!(&error, SessionError::Unreachable { message } if message.contains(word)), "{error}");
    }
}

// proves R36.4
#[test]
fn a_server_that_is_not_trusted_gets_no_byte() {
    let identity = Identity::new("localhost", false).speaking(&[b"h2", b"http/1.1"]);
    let server = Sealed::start(&identity);
    let address = format!("wss://localhost:{}/", server.port);
    let mut client = Loop::new(None);
    client.open(&address, 5_000);
    assert!(client.closed().to_string().contains("certificate"));
    assert_eq!(server.received.load(Ordering::SeqCst), 0);

    let mut client = Loop::new(Some(&identity.ca_pem));
    client.open(&address, 5_000);
    assert!(client.closed().to_string().contains("204"));
    assert!(server.received.load(Ordering::SeqCst) > 0);
    // A WebSocket must not be agreed upon as HTTP/2.
    assert!(server.protocol.lock().unwrap().is_empty());
}

#[test]
fn a_socket_that_is_closed_before_it_is_open_goes_unheard() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = Loop::new(None);
    client.open(&format!("ws://{}/", listener.local_addr().unwrap()), 5_000);
    let (stream, _) = listener.accept().unwrap();
    client.sockets.close(ONE);
    let mut server = tungstenite::accept(stream).unwrap();
    let gone = thread::spawn(move || server.read());
    let begun = Instant::now();
    while !gone.is_finished() {
        client.turn(Duration::from_millis(10));
        assert!(client.inputs.is_empty() && begun.elapsed() < Duration::from_secs(5));
    }
    assert!(gone.join().unwrap().is_err());
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
#[test]
fn an_upgrade_through_gateways_is_one_and_their_close_is_told() {
    for head in HEADS {
        let server = Upgrading::start(head, FRAMES);
        let mut client = Loop::new(None);
        client.open(&format!("ws://{}/", server.address), 5_000);
        assert!(matches!(client.next(), SessionInput::Opened { .. }), "{head}");
        // What came along with the answer is not lost.
        assert_eq!(client.frame(), "{}");
        let told = client.closed().to_string();
        assert!(told.contains("1014 bad gateway") && told.contains(&server.address.to_string()), "{told}");
    }
}

// survives W15
#[test]
fn a_refused_upgrade_says_how_long_to_wait() {
    let server = Upgrading::start("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", b"");
    let mut client = Loop::new(None);
    client.open(&format!("ws://{}/", server.address), 5_000);
    let peer = server.address.to_string();
    let refused = SessionError::UpgradeRefused { peer, status: 503, retry_after_ms: Some(7_000) };
    assert_eq!(client.closed(), refused);
}
