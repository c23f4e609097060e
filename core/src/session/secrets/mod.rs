//! The bytes behind the lifecycle's numbers: tokens, keys, nonces, the rotating refresh token. Each has a file of its own;
//! what needs several of them, a proof, is in `proofs`.

pub(super) mod keys;
pub(super) mod nonces;
pub(super) mod proofs;
pub(super) mod refresh_token;
pub(super) mod tokens;

use crate::secret::Secret;

use keys::Keys;
use nonces::Nonces;
use refresh_token::RefreshToken;
use tokens::Tokens;

/// All that a session holds in confidence for longer than a request takes. Wiped at its end.
#[derive(Default)]
pub(crate) struct Secrets {
    pub(crate) tokens: Tokens,
    pub(crate) keys: Keys,
    pub(crate) nonces: Nonces,
    pub(crate) refresh_token: RefreshToken,
}

impl Secrets {
    /// What a server could repeat in an error.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &Secret> {
        self.tokens.secrets().chain(self.refresh_token.secret())
    }

    /// What must hold between two steps.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        self.tokens.check()?;
        self.keys.check()?;
        self.nonces.check()
    }
}
