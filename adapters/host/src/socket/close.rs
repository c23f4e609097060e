//! What a server says in its Close.

/// Reads along where frames begin and end, and keeps what a Close says. Tungstenite puts a 1002 of its own in the place
/// of codes that it does not expect in a frame, such as the 1014 of a gateway.
///
/// ```
/// use satkeeper_host::socket::CloseWatch;
/// let mut watch = CloseWatch::default();
/// watch.read(b"\x81\x02{}\x88\x06\x03");
/// watch.read(b"\xf6gate");
/// assert_eq!(watch.said(), Some((1014, "gate".to_owned())));
/// ```
#[derive(Debug, Default)]
pub struct CloseWatch {
    /// Of the frame that has begun, not whole yet.
    header: Vec<u8>,
    /// Bytes of the current payload that are still to come.
    left: u64,
    /// The current payload is a Close's.
    is_close: bool,
    payload: Vec<u8>,
    is_done: bool,
}

/// Longest payload of a control frame (RFC 6455 section 5.5).
const MOST: u64 = 125;

impl CloseWatch {
    /// What has come behind the upgrade, in its order.
    pub fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_done {
            if self.left > 0 {
                let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                let (part, rest) = bytes.split_at_checked(count).unwrap_or((bytes, &[]));
                if self.is_close {
                    self.payload.extend_from_slice(part);
                }
                self.left = self.left.saturating_sub(part.len() as u64);
                bytes = rest;
            } else if let Some((byte, rest)) = bytes.split_first() {
                self.header.push(*byte);
                bytes = rest;
                self.begin();
            }
            self.is_done = self.is_close && self.left == 0;
        }
    }

    /// If the header is whole, its payload begins.
    fn begin(&mut self) {
        let [first, second, more @ ..] = self.header.as_slice() else { return };
        let (extended, short) = match second & 0x7f {
            126 => (2, 0),
            127 => (8, 0),
            short => (0, u64::from(short)),
        };
        let masked = if second & 0x80 == 0 { 0 } else { 4 };
        if more.len() < extended + masked {
            return;
        }
        let length = more.iter().take(extended).fold(short, |sum, byte| (sum << 8) | u64::from(*byte));
        self.is_close = first & 0x0f == 0x8 && length <= MOST && masked == 0;
        self.left = length;
        self.header.clear();
    }

    /// Code and reason of the Close that came, if one with a code has.
    #[must_use]
    pub fn said(&self) -> Option<(u16, String)> {
        let [high, low, reason @ ..] = self.payload.as_slice() else { return None };
        let code = u16::from_be_bytes([*high, *low]);
        self.is_done.then(|| (code, String::from_utf8_lossy(reason).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::CloseWatch;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..126 => frame.push(short as u8),
            middle @ 126..65_536 => {
                frame.push(126);
                frame.extend_from_slice(&(middle as u16).to_be_bytes());
            }
            long => {
                frame.push(127);
                frame.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(payload);
        frame
    }

    // survives W15
    #[test]
    fn a_close_is_found_among_frames_however_they_are_cut() {
        let mut bytes = Vec::new();
        for payload in [0, 1, 125, 126, 65_535, 65_536] {
            // What looks like a Close within a frame is none.
            bytes.extend(frame(0x81, &[0x88, 0x02, 0x03, 0xe8].repeat(payload)[..payload]));
        }
        bytes.extend(frame(0x89, b"ping"));
        bytes.extend(frame(0x88, b"\x03\xf6bad gateway"));
        bytes.extend(frame(0x88, b"\x03\xe8late"));
        for size in [1, 7, 1000, bytes.len()] {
            let mut watch = CloseWatch::default();
            assert_eq!(watch.said(), None);
            bytes.chunks(size).for_each(|part| watch.read(part));
            assert_eq!(watch.said(), Some((1014, "bad gateway".to_owned())));
        }
    }

    #[test]
    fn what_is_no_close_says_nothing() {
        for bytes in
            [frame(0x88, b""), frame(0x88, b"\x03"), frame(0x88, &[3; 200]), vec![0x88, 0x05, 0x03, 0xf6]]
        {
            let mut watch = CloseWatch::default();
            watch.read(&bytes);
            assert_eq!(watch.said(), None, "{bytes:?}");
        }
    }
}
