//! What carries the sound. Signalling asks for descriptions (SDP) and hands over those of the other side; all else (ICE,
//! DTLS, codecs, a microphone) is behind this trait.

use std::io;

use satkeeper::{BoxFuture, IceServer};

/// A description of one's media. To ask an ICE server for an address takes a few round trips.
pub(crate) type Description<'a> = BoxFuture<'a, io::Result<String>>;

/// The media of one call.
pub(crate) trait Media: Send {
    /// An offer: for a call that is made, and again, as an ICE restart, for one that is attached to anew. The servers are
    /// those of now: what was allocated with earlier ones keeps its credentials, and is let go of before the restart.
    fn offer(&mut self, servers: Vec<IceServer>) -> Description<'_>;
    /// The answer to the offer of a call that comes in, or to another one in the middle of the call.
    fn answer(&mut self, servers: Vec<IceServer>, offer: String) -> Description<'_>;
    /// What the other side has answered.
    fn accept(&mut self, answer: &str);
    /// Sends nothing and plays nothing from now on, or goes on.
    fn hold(&mut self, held: bool);
    /// The call is over.
    fn close(&mut self);
}
