//! `DPoP-Nonce` (RFC 9449 section 8): the newest of each origin, bounded.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

const MOST: usize = 8;

/// Oldest first.
#[derive(Default)]
pub(crate) struct Nonces(Vec<(String, String)>);

impl Nonces {
    /// Any response may carry a new one; what is not fit for a claim is ignored.
    pub(crate) fn learn(&mut self, origin: &str, nonce: Option<&str>) {
        let Some(nonce) = nonce.filter(|nonce| is_usable(nonce)) else { return };
        self.0.retain(|(known, _)| known != origin);
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push((origin.to_owned(), nonce.to_owned()));
    }

    /// One of each origin, and only so many.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.0.len() > MOST { Err("too many nonces are kept") } else { Ok(()) }
    }

    pub(crate) fn of(&self, origin: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == origin).map(|(_, nonce)| nonce.as_str())
    }
}

/// `nonce = 1*NQCHAR`, with a bound of ours.
fn is_usable(nonce: &str) -> bool {
    (1..=512).contains(&nonce.len()) && nonce.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn the_newest_of_each_origin_is_kept() {
        // proves R35.4
        let mut nonces = Nonces::default();
        nonces.learn("https://a", Some("one"));
        nonces.learn("https://a", Some("two"));
        nonces.learn("https://a", None);
        nonces.learn("https://a", Some("not \"usable\""));
        assert_eq!(nonces.of("https://a"), Some("two"));
        assert_eq!(nonces.of("https://b"), None);
        for at in 0..100 {
            nonces.learn(&format!("https://{at}"), Some("n"));
        }
        assert_eq!(nonces.0.len(), MOST);
    }
}
