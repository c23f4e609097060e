//! The bytes behind the lifecycle's token numbers.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::lifecycle::{KeyAlgorithm, TokenId};
use crate::secret::Secret;
use crate::wire::routing::Routing;

use crate::session::record::{Text, WrittenToken};

/// Most forgotten tokens whose numbers are remembered.
const MOST_FORGOTTEN: usize = 16;

/// The greatest number that is believed of a record: there must be others after it.
const GREATEST: TokenId = TokenId(u32::MAX / 2);

/// A token that the lifecycle may still use.
pub(crate) struct Known {
    pub(crate) id: TokenId,
    pub(crate) token: Secret,
    /// SHA-256 of it, reckoned once.
    hash: [u8; 32],
    /// The hosts that serve it (R31).
    pub(crate) routing: Routing,
    /// The key that it was minted for or exchanged with, as far as that is known.
    pub(crate) key: Option<KeyAlgorithm>,
}

impl Known {
    fn new(id: TokenId, token: Secret, routing: Routing, key: Option<KeyAlgorithm>) -> Self {
        Self { id, hash: hash(&token), token, routing, key }
    }

    /// What a proof says of it (RFC 9449, 4.2).
    pub(crate) fn ath(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.hash)
    }
}

/// Equal bytes have equal numbers, newer ones greater numbers. A forgotten token leaves its hash, so that
/// one that the server has refused is known when it comes back (R31).
#[derive(Default)]
pub(crate) struct Tokens {
    known: Vec<Known>,
    forgotten: VecDeque<([u8; 32], TokenId)>,
    newest: u32,
}

impl Tokens {
    pub(crate) fn admit(&mut self, token: &Secret, routing: Routing) -> TokenId {
        if let Some(known) = self.known.iter().find(|known| known.token == *token) {
            return known.id;
        }
        let next = TokenId(self.newest.saturating_add(1));
        let mut known = Known::new(next, token.clone(), routing, None);
        match self.forgotten.iter().find(|(seen, _)| *seen == known.hash) {
            Some((_, id)) => known.id = *id,
            None => self.newest = next.0,
        }
        let id = known.id;
        self.known.reserve_exact(1);
        self.known.push(known);
        id
    }

    pub(crate) fn get(&self, id: TokenId) -> Option<&Known> {
        self.known.iter().find(|known| known.id == id)
    }

    pub(crate) fn written(&self) -> Vec<WrittenToken> {
        let written =
            |known: &Known| WrittenToken { id: known.id, token: Text(known.token.clone()), key: known.key };
        self.known.iter().map(written).collect()
    }

    pub(crate) fn forgotten(&self) -> Vec<([u8; 32], TokenId)> {
        self.forgotten.iter().copied().collect()
    }

    /// The newest of those that may still be used.
    pub(crate) fn newest_held(&self) -> Option<TokenId> {
        self.known.iter().map(|known| known.id).max()
    }

    pub(crate) const fn newest(&self) -> u32 {
        self.newest
    }

    /// Knows a token of the record again.
    pub(crate) fn take_over(&mut self, written: &WrittenToken, routing: Routing) {
        if self.known.len() < MOST_FORGOTTEN && written.id <= GREATEST && self.get(written.id).is_none() {
            let token = written.token.0.clone();
            self.known.push(Known::new(written.id, token, routing, written.key));
            self.newest = self.newest.max(written.id.0);
        }
    }

    /// Knows those again that the record only remembers.
    pub(crate) fn remember(&mut self, forgotten: &[([u8; 32], TokenId)], newest: u32) {
        self.newest = self.newest.max(newest.min(GREATEST.0));
        for (hash, id) in forgotten.iter().take(MOST_FORGOTTEN) {
            if id.0 <= self.newest && self.get(*id).is_none() {
                self.forgotten.push_back((*hash, *id));
            }
        }
    }

    /// Remembers which key a token is bound to.
    pub(crate) fn bind(&mut self, id: TokenId, key: Option<KeyAlgorithm>) {
        if let Some(known) = self.known.iter_mut().find(|known| known.id == id) {
            known.key = key.or(known.key);
        }
    }

    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.known.iter().map(|known| &known.token)
    }

    /// None is newer than the newest; what is remembered is bounded.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.known.iter().any(|known| known.id.0 > self.newest) {
            return Err("a token is newer than the newest");
        }
        if self.forgotten.len() > MOST_FORGOTTEN {
            return Err("too many forgotten tokens are remembered");
        }
        Ok(())
    }

    /// Wipes the bytes of what is not needed any more.
    pub(crate) fn forget(&mut self, needed: impl Fn(TokenId) -> bool) {
        for at in (0..self.known.len()).rev() {
            if self.known.get(at).is_none_or(|known| needed(known.id)) {
                continue;
            }
            let known = self.known.remove(at);
            self.forgotten.retain(|(_, id)| *id != known.id);
            if self.forgotten.len() >= MOST_FORGOTTEN {
                self.forgotten.pop_front();
            }
            self.forgotten.push_back((known.hash, known.id));
        }
        self.known.shrink_to_fit();
    }
}

fn hash(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use super::*;

    fn admit(tokens: &mut Tokens, text: &str) -> TokenId {
        tokens.admit(&Secret::new(text), Routing::from_ch(None).unwrap())
    }

    #[test]
    fn equal_bytes_have_equal_numbers_even_when_forgotten() {
        // proves R31.2
        let mut tokens = Tokens::default();
        let a = admit(&mut tokens, "a");
        let b = admit(&mut tokens, "b");
        assert!(a < b);
        assert_eq!(admit(&mut tokens, "a"), a);
        tokens.forget(|id| id == b);
        assert!(tokens.get(a).is_none());
        assert_eq!(admit(&mut tokens, "a"), a);
        assert!(admit(&mut tokens, "c") > b);
    }

    #[test]
    fn another_process_knows_them_again() {
        // proves R31.2
        let mut before = Tokens::default();
        let (a, b) = (admit(&mut before, "a"), admit(&mut before, "b"));
        let newest = admit(&mut before, "c");
        before.forget(|id| id == a);
        let mut after = Tokens::default();
        for written in before.written().iter().chain(&before.written()) {
            after.take_over(written, Routing::from_ch(None).unwrap());
        }
        after.remember(&before.forgotten(), before.newest());
        assert_eq!(after.known.len(), 1, "each once");
        assert_eq!((admit(&mut after, "a"), admit(&mut after, "b")), (a, b));
        assert!(admit(&mut after, "d") > newest);
    }

    #[test]
    fn a_record_brings_only_so_many() {
        // proves R13.9
        let mut tokens = Tokens::default();
        for id in 0..100 {
            let token = Text(Secret::new(format!("token {id}")));
            let written = WrittenToken { id: TokenId(id), token, key: None };
            tokens.take_over(&written, Routing::from_ch(None).unwrap());
        }
        assert_eq!(tokens.known.len(), MOST_FORGOTTEN);
    }

    #[test]
    fn a_damaged_record_gives_no_number_twice() {
        // proves R13.9
        let mut tokens = Tokens::default();
        let written =
            |id, text: &str| WrittenToken { id: TokenId(id), token: Text(Secret::new(text)), key: None };
        for written in [written(u32::MAX, "greatest"), written(7, "seven"), written(7, "seven again")] {
            tokens.take_over(&written, Routing::from_ch(None).unwrap());
        }
        assert_eq!(tokens.known.len(), 1);
        let own = |text: &str| hash(&Secret::new(text));
        tokens.remember(&[(own("a"), TokenId(7)), (own("b"), TokenId(u32::MAX))], u32::MAX);
        let mut given = vec![TokenId(7)];
        for text in ["a", "b", "c", "d"] {
            given.push(admit(&mut tokens, text));
        }
        given.sort();
        given.dedup();
        assert_eq!(given.len(), 5);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut tokens = Tokens::default();
        for at in 0..100 {
            admit(&mut tokens, &format!("token {at}"));
            tokens.forget(|_| false);
        }
        assert_eq!((tokens.known.len(), tokens.forgotten.len()), (0, MOST_FORGOTTEN));
        assert_eq!(admit(&mut tokens, "token 99"), TokenId(100));
        assert_eq!(admit(&mut tokens, "token 0"), TokenId(101));
    }

    #[test]
    fn a_binding_is_not_lost_to_ignorance() {
        let mut tokens = Tokens::default();
        let a = admit(&mut tokens, "a");
        tokens.bind(a, Some(KeyAlgorithm::Es256));
        tokens.bind(a, None);
        assert_eq!(tokens.get(a).and_then(|known| known.key), Some(KeyAlgorithm::Es256));
    }
}
