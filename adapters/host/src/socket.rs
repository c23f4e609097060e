//! What every adapter's WebSockets have in common: limits, and what is said of their ends.

mod close;

use std::net::SocketAddr;
use std::time::Duration;

use satkeeper_core::error::Error as SessionError;
use satkeeper_core::wire::text::Cleaner;
use tungstenite::Error as WsError;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};

use crate::peer::Peer;
use crate::text::chain;

pub use close::CloseWatch;

/// Largest message that is received, bytes (R36).
pub const MAX_MESSAGE: usize = 1024 * 1024;

/// Most frames that may wait to be sent: what the session lets its calls come to (1,024 of them, 1 MiB waiting),
/// which it hands over at once when it comes to life, and as much again and more.
pub const MAX_QUEUED_FRAMES: usize = 4096;

/// Most bytes that may wait to be sent.
pub const MAX_QUEUED_BYTES: usize = 4 * MAX_MESSAGE;

/// A peer that takes nothing for this long is given up.
pub const STALL: Duration = Duration::from_secs(10);

/// How long a socket may take to say goodbye (R29, `Close`).
pub const GOODBYE: Duration = Duration::from_secs(2);

/// How much later each further address of a name is tried (RFC 8305 section 8).
pub const STAGGER: Duration = Duration::from_millis(250);

/// Most addresses of one name that are tried.
const MOST_ADDRESSES: usize = 8;

/// Tungstenite's settings: its own defaults are 64 MiB of message and an endless queue.
#[must_use]
pub fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
        .read_buffer_size(16 * 1024)
        .write_buffer_size(16 * 1024)
        .max_write_buffer_size(2 * MAX_QUEUED_BYTES)
}

/// The addresses of a name in the order in which they are tried: families take turns, so that one that does not
/// work delays by one step only.
#[must_use]
pub fn in_turns(found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let (six, four): (Vec<_>, Vec<_>) = found.partition(SocketAddr::is_ipv6);
    let (mut six, mut four) = (six.into_iter(), four.into_iter());
    let mut turns = Vec::new();
    loop {
        let pair = (six.next(), four.next());
        if pair == (None, None) || turns.len() >= MOST_ADDRESSES {
            turns.truncate(MOST_ADDRESSES);
            return turns;
        }
        turns.extend(pair.0);
        turns.extend(pair.1);
    }
}

/// What came of a socket that failed, without what its server may have repeated.
#[must_use]
pub fn failed(peer: &Peer, error: &WsError) -> SessionError {
    match error {
        WsError::WriteBufferFull(_) => peer.odd("a frame was larger than the write buffer"),
        error => peer.odd(&chain(error)),
    }
}

/// Whether what arrived was a frame, but none that can be used: too large, or no text. What is left of it cannot
/// be told from the next, so the socket is of no more use.
#[must_use]
pub const fn is_odd_frame(error: &WsError) -> bool {
    matches!(error, WsError::Capacity(_) | WsError::Utf8(_))
}

/// What a server said when it closed the socket: by the frame that tungstenite hands over, or by what came.
#[must_use]
pub fn closed_by_server(peer: &Peer, frame: Option<CloseFrame>, watch: &CloseWatch) -> SessionError {
    let said = watch.said().or_else(|| frame.map(|it| (u16::from(it.code), it.reason.as_str().to_owned())));
    let why = said.map(|(code, why)| format!("{code} {}", Cleaner::default().clean(&why)));
    let why = why.unwrap_or_else(|| "no code".to_owned());
    peer.odd(&format!("the server closed the socket: {}", why.trim_end()))
}

/// A peer has stopped reading.
#[must_use]
pub fn stalled(peer: &Peer) -> SessionError {
    peer.odd("the server has stopped reading from the socket")
}

/// It did not open in time.
#[must_use]
pub fn late(peer: &Peer, within: Duration) -> SessionError {
    peer.late("the opening of a WebSocket to", within)
}

#[cfg(test)]
mod tests {
    use super::{CloseFrame, CloseWatch, MOST_ADDRESSES, Peer, closed_by_server, in_turns};
    use satkeeper_core::wire::url::{Plain, SecureUrl};
    use std::net::SocketAddr;

    #[test]
    fn families_take_turns() {
        let six: Vec<SocketAddr> = ["[::1]:1", "[::2]:1", "[::3]:1"].map(|a| a.parse().unwrap()).to_vec();
        let four: Vec<SocketAddr> = ["127.0.0.1:1"].map(|a| a.parse().unwrap()).to_vec();
        let turns = |six: &[SocketAddr], four: &[SocketAddr]| in_turns(six.iter().chain(four).copied());
        assert_eq!(turns(&six, &four), [six[0], four[0], six[1], six[2]]);
        assert_eq!(turns(&[], &four), four);
        assert_eq!(turns(&[six[0]; 20], &[four[0]; 20]).len(), MOST_ADDRESSES);
    }

    // proves R36.1
    #[test]
    fn a_reason_repeats_no_secret() {
        let peer = Peer::of(&SecureUrl::parse("wss://relay.example.com", Plain::Never).unwrap());
        let told = |reason: &str| {
            let code = tungstenite::protocol::frame::coding::CloseCode::Policy;
            let frame = CloseFrame { code, reason: reason.into() };
            closed_by_server(&peer, Some(frame), &CloseWatch::default()).to_string()
        };
        assert!(told("service restart, try again later").contains("1008 service restart, try again later"));
        let state = "x6F/ZTVksAsb6C4gGN7gX3dDb79owcZTb09N3DSY";
        for said in
            [state.to_owned(), format!("bad state: {state} is over"), format!("eyJhbGciOiJkaXIifQ..{state}")]
        {
            let shown = told(&said);
            assert!(shown.contains("[redacted]") && !shown.contains("ZTVk"), "{shown}");
        }
    }
}
