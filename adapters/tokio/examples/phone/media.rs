//! What carries the sound. Signalling asks for descriptions (SDP) and hands over those of the other side; all else (ICE,
//! DTLS, codecs, a microphone) is behind this trait.

use satkeeper::IceServer;

/// The media of one call.
pub(crate) trait Media: Send {
    /// An offer: for a call that is made, and again, as an ICE restart, for one that is attached to anew. The servers are
    /// those of now: what was allocated with earlier ones keeps its credentials, and is let go of before the restart.
    fn offer(&mut self, servers: &[IceServer]) -> String;
    /// The answer to the offer of a call that comes in.
    fn answer(&mut self, servers: &[IceServer], offer: &str) -> String;
    /// What the other side has answered.
    fn accept(&mut self, answer: &str);
    /// Sends nothing and plays nothing from now on, or goes on.
    fn hold(&mut self, held: bool);
    /// The call is over.
    fn close(&mut self);
}

/// Well-formed descriptions of a stream that nobody sends: enough for signalling.
#[derive(Default)]
pub(crate) struct Silence {
    version: u32,
}

impl Silence {
    fn describe(&mut self, setup: &str) -> String {
        self.version += 1;
        [
            "v=0",
            &format!("o=- 1 {} IN IP4 127.0.0.1", self.version),
            "s=-",
            "t=0 0",
            "m=audio 9 UDP/TLS/RTP/SAVPF 111",
            "c=IN IP4 0.0.0.0",
            "a=rtpmap:111 opus/48000/2",
            "a=rtcp-mux",
            &format!("a=setup:{setup}"),
            "a=mid:0",
            "a=inactive",
            "",
        ]
        .join("\r\n")
    }
}

impl Media for Silence {
    fn offer(&mut self, _: &[IceServer]) -> String {
        self.describe("actpass")
    }

    fn answer(&mut self, _: &[IceServer], _: &str) -> String {
        self.describe("active")
    }

    fn accept(&mut self, _: &str) {}

    fn hold(&mut self, _: bool) {}

    fn close(&mut self) {}
}
