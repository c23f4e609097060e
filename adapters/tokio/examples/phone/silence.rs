//! Media that nobody hears.

use std::future::ready;

use satkeeper::IceServer;

use crate::media::{Description, Media};

/// Well-formed descriptions of a stream that nobody sends: enough for signalling.
#[derive(Default)]
pub(crate) struct Silence {
    version: u32,
}

impl Silence {
    fn describe(&mut self, setup: &str) -> Description<'_> {
        self.version += 1;
        let lines = [
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
        ];
        Box::pin(ready(Ok(lines.join("\r\n"))))
    }
}

impl Media for Silence {
    fn offer(&mut self, _: Vec<IceServer>) -> Description<'_> {
        self.describe("actpass")
    }

    fn answer(&mut self, _: Vec<IceServer>, _: String) -> Description<'_> {
        self.describe("active")
    }

    fn accept(&mut self, _: &str) {}

    fn hold(&mut self, _: bool) {}

    fn close(&mut self) {}
}
