//! The head of an HTTP/1.1 answer, with the interim answers before it (RFC 9110 section 15.2).

/// Most bytes of all heads together.
const MOST_BYTES: usize = 32 * 1024;

/// Most interim answers before the final one.
const MOST_INTERIM: usize = 16;

/// Most fields of one head.
const MOST_FIELDS: usize = 128;

/// Reads heads from bytes as they come.
#[derive(Default)]
pub(super) struct HeadReader {
    bytes: Vec<u8>,
    /// All that have come.
    total: usize,
    interim: usize,
}

/// The head of the final answer.
pub(super) struct Head {
    pub(super) status: u16,
    fields: Vec<(String, String)>,
    /// What came behind it.
    pub(super) rest: Vec<u8>,
}

impl HeadReader {
    /// `None`: there is more to come. An error says what is wrong, without a word of it.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Option<Head>, &'static str> {
        self.total = self.total.saturating_add(bytes.len());
        self.bytes.extend_from_slice(bytes);
        loop {
            let Some((mut head, length)) = parse(&self.bytes)? else {
                // What follows a whole head belongs to whoever comes next, however much of it there is.
                return if self.total > MOST_BYTES { Err("its head has more than 32 KiB") } else { Ok(None) };
            };
            let rest = self.bytes.split_off(length);
            if !matches!(head.status, 100..=199) || head.status == 101 {
                head.rest = rest;
                return Ok(Some(head));
            }
            self.bytes = rest;
            self.interim += 1;
            if self.interim > MOST_INTERIM {
                return Err("it has more than 16 interim answers");
            }
        }
    }
}

impl Head {
    /// The values of all fields of this name, in their order.
    pub(super) fn values<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.fields.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted));
        fields.map(|(_, value)| value.trim())
    }

    /// Whether a list, in one field or in several, has this member.
    pub(super) fn lists(&self, name: &str, member: &str) -> bool {
        self.values(name).flat_map(|list| list.split(',')).any(|it| it.trim().eq_ignore_ascii_case(member))
    }
}

fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, &'static str> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut answer = httparse::Response::new(&mut fields);
    let length = match answer.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err("its head has more than 128 fields"),
        Err(_) => return Err("it is no HTTP"),
    };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let fields = answer.headers.iter().map(|field| (field.name.to_owned(), text(field.value))).collect();
    let status = answer.code.unwrap_or_default();
    Ok(Some((Head { status, fields, rest: Vec::new() }, length)))
}

#[cfg(test)]
mod tests {
    use super::{HeadReader, MOST_BYTES, MOST_INTERIM};

    // survives W15
    #[test]
    fn it_does_not_matter_where_the_bytes_are_cut() {
        let all = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
            HTTP/1.1 101 Switching Protocols\r\nConnection: keep-alive\r\nconnection: foo , upgrade\r\n\r\nrest";
        for cut in 0..all.len() {
            let mut reader = HeadReader::default();
            let head = match reader.take(&all[..cut]).unwrap() {
                Some(head) => head,
                None => reader.take(&all[cut..]).unwrap().unwrap(),
            };
            assert_eq!(head.status, 101);
            assert!(head.lists("Connection", "Upgrade") && head.lists("connection", "keep-alive"));
            assert!(!head.lists("connection", "keep"));
            assert!(b"rest".starts_with(&head.rest[..]));
        }
    }

    // survives W15
    #[test]
    fn what_never_ends_is_bounded() {
        let mut hints = HeadReader::default();
        let taken = (0..=MOST_INTERIM).map(|_| hints.take(b"HTTP/1.1 103 Early Hints\r\n\r\n").err());
        assert_eq!(taken.flatten().next(), Some("it has more than 16 interim answers"));

        let mut long = HeadReader::default();
        assert!(long.take(b"HTTP/1.1 200 OK\r\nX: ").unwrap().is_none());
        let line = vec![b'x'; 1024];
        let taken = (0..MOST_BYTES / 1024).find_map(|_| long.take(&line).err());
        assert_eq!(taken, Some("its head has more than 32 KiB"));

        let many = "HTTP/1.1 200 OK\r\n".to_owned() + &"a: b\r\n".repeat(129) + "\r\n";
        assert!(HeadReader::default().take(many.as_bytes()).is_err());
        assert_eq!(HeadReader::default().take(&[0; 64]).err(), Some("it is no HTTP"));
        assert_eq!(HeadReader::default().take(b"\x16\x03\x01").err(), Some("it is no HTTP"));
    }

    // Any bytes, cut anywhere, lead to the same end.
    proptest::proptest! {
        #[test]
        fn no_bytes_do_harm(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600),
            cut in 0_usize..600,
            is_http in proptest::bool::ANY,
        ) {
            let mut all = if is_http { b"HTTP/1.1 101 X\r\n".to_vec() } else { Vec::new() };
            all.extend_from_slice(&bytes);
            let whole = HeadReader::default().take(&all).map(|head| head.map(|head| (head.status, head.rest)));
            let (first, second) = all.split_at(cut.min(all.len()));
            let mut reader = HeadReader::default();
            let parts = match reader.take(first) {
                Ok(None) => reader.take(second),
                Ok(Some(mut head)) => {
                    head.rest.extend_from_slice(second);
                    Ok(Some(head))
                }
                Err(why) => Err(why),
            };
            proptest::prop_assert_eq!(parts.map(|head| head.map(|head| (head.status, head.rest))), whole);
        }
    }
}
