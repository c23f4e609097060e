//! Proofs of possession (R35): signed at once with a software key; prepared for an external signer, and finished when its
//! signature has come.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};

use crate::dpop::{self, Claims, SignError};
use crate::lifecycle::{ClockOffset, Failure, KeyAlgorithm, TokenId};
use crate::secret::Secret;
use crate::session::ids::Ids;
use crate::session::reports::fault::Fault;
use crate::time::{Millis, Now, UnixMillis};

use super::Secrets;

/// A signature that comes later than this is asked for again: servers accept an `iat` only for so long.
const STALE: Millis = 30_000;

/// A proof, the server time that it says, and the kind of its key.
pub(crate) struct Signed {
    pub(crate) proof: Secret,
    pub(crate) at: UnixMillis,
    pub(crate) key: KeyAlgorithm,
}

/// What becomes of a proof that is wanted.
pub(crate) enum Proof {
    /// There is no key.
    None,
    /// Here it is.
    Signed(Signed),
    /// An external signer is to sign this.
    Unsigned(Unsigned),
}

/// What an external signer is asked to sign.
#[derive(Clone)]
pub(crate) struct Unsigned {
    pub(crate) input: Secret,
    pub(crate) key: KeyAlgorithm,
    pub(crate) thumbprint: String,
    at: UnixMillis,
    /// Where the nonce comes from; empty for the socket, which has none.
    origin: String,
    nonce: Option<String>,
}

/// What a proof is for.
pub(crate) struct Wanted {
    /// Whose key.
    pub(crate) token: TokenId,
    pub(crate) offset: ClockOffset,
    pub(crate) claim: Claim,
}

/// Where it is shown.
pub(crate) enum Claim {
    Http { htm: &'static str, htu: String, ath: Option<String>, origin: String },
    Rpc { mth: &'static str },
}

impl Claim {
    fn claims(&self) -> Claims<'_> {
        match self {
            Self::Http { htm, htu, ath, .. } => Claims::Http { htm, htu, ath: ath.as_deref() },
            Self::Rpc { mth } => Claims::Rpc { mth },
        }
    }

    /// `scheme://host[:port]`, which nonces are kept by; empty for the socket, which has none.
    fn origin(&self) -> &str {
        match self {
            Self::Http { origin, .. } => origin,
            Self::Rpc { .. } => "",
        }
    }
}

impl Secrets {
    /// Signs for one attempt, in the server's time (R35).
    pub(crate) fn sign(&self, ids: &mut Ids, now: Now, wanted: &Wanted) -> Result<Proof, Fault> {
        let bound_to = self.tokens.get(wanted.token).and_then(|known| known.key);
        let Some(key) = self.keys.of(bound_to) else { return Ok(Proof::None) };
        let at = now.unix.shifted(wanted.offset.unwrap_or(0));
        let (jti, iat, claims) = (ids.proof(), at.as_seconds(), wanted.claim.claims());
        let nonce = self.nonces.of(wanted.claim.origin());
        let algorithm = key.algorithm().into();
        if !key.is_external() {
            let proof = dpop::proof(key, &jti, iat, &claims, nonce).map_err(|error| unsigned(&error))?;
            return Ok(Proof::Signed(Signed { proof, at, key: algorithm }));
        }
        Ok(Proof::Unsigned(Unsigned {
            input: dpop::signing_input(key, &jti, iat, &claims, nonce),
            key: algorithm,
            thumbprint: key.thumbprint().to_owned(),
            at,
            origin: wanted.claim.origin().to_owned(),
            nonce: nonce.map(str::to_owned),
        }))
    }

    /// Whether a signature took too long, or lacks a nonce that was learned meanwhile (R35).
    pub(crate) fn is_stale(&self, asked: &Unsigned, sent: Now, now: Now) -> bool {
        sent.tick.until(now.tick) > STALE || self.nonces.of(&asked.origin) != asked.nonce.as_deref()
    }

    /// The proof, now that the signature is there.
    pub(crate) fn attach(&self, asked: &Unsigned, signature: &[u8]) -> Result<Signed, Fault> {
        let Some(key) = self.keys.get(asked.key) else { return Err(Fault::no_key("it is gone")) };
        let proof = dpop::attach(key, &asked.input, signature)
            .map_err(|error| Fault::new(Failure::Transport, unsigned(&error).error))?;
        Ok(Signed { proof, at: asked.at, key: asked.key })
    }
}

fn unsigned(error: &SignError) -> Fault {
    Fault::no_key(&error.to_string())
}
