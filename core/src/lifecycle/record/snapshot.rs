//! What outlives the process (R13).

use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::lifecycle::limits::pace::Paces;
use crate::lifecycle::renewal::key::Key;
use crate::lifecycle::tokens::token::Token;
use crate::lifecycle::{Generation, TokenId};
use crate::time::{Millis, UnixMillis};

/// What of a [`Lifecycle`](crate::lifecycle::Lifecycle) outlives its process: tokens by their numbers, what is known of them and of the server, how
/// many draws were made. No secret, nothing of sockets, of commands under way, of who waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The time now, as all others here: the server's, or the wall clock's while that is not known.
    pub(crate) taken: UnixMillis,
    /// These times are the server's.
    pub(crate) dated: bool,
    pub(crate) drawn: [u64; 4],
    pub(crate) held: Vec<Token>,
    pub(crate) in_force: Option<TokenId>,
    pub(crate) generation: Generation,
    pub(crate) state: Option<Generation>,
    pub(crate) next: u64,
    pub(crate) assumed: [Option<Millis>; 2],
    pub(crate) spans: [Millis; 4],
    pub(crate) paces: Paces,
    pub(crate) key: Key,
    pub(crate) ever_live: bool,
    /// There is no hope: what the reach-clock has shown since that began.
    pub(crate) hopeless: Option<Millis>,
    pub(crate) round: u32,
}

impl Snapshot {
    /// Counts acknowledgements.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// When it was taken: the server's time, or the local one while the server's is not known.
    #[must_use]
    pub const fn taken(&self) -> UnixMillis {
        self.taken
    }

    /// The same without the tokens that `keep` does not know.
    #[must_use]
    pub fn only(mut self, keep: impl Fn(TokenId) -> bool) -> Self {
        self.held.retain(|token| keep(token.id));
        self
    }

    /// The tokens in it, asked for first: first.
    pub fn tokens(&self) -> impl Iterator<Item = TokenId> + '_ {
        self.held.iter().map(|token| token.id)
    }
}
