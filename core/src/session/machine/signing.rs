//! Proofs: signed here with a software key, by the driver's signer with an external one (R35).

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::dpop::{self, Claims, SignError};
use crate::error::Result;
use crate::lifecycle::{ClockOffset, Command, Failure, KeyAlgorithm, TokenId};
use crate::secret::Secret;
use crate::time::{Millis, UnixMillis};

use crate::session::Session;
use crate::session::reports::journal::Fault;
use crate::session::requests::{Exchange, Purpose};
use crate::session::turn::Turn;
use crate::session::vocabulary::ids::RequestId;
use crate::session::vocabulary::output::SessionOutput;

/// A signature that comes later than this is asked for again: servers accept an `iat` only for so long.
const STALE: Millis = 30_000;

/// A proof, the server time that it says, and the kind of its key.
pub(crate) struct Signed {
    pub(crate) proof: Secret,
    pub(crate) at: UnixMillis,
    pub(crate) key: KeyAlgorithm,
}

/// What is known of a proof when it is needed.
pub(crate) enum Proof {
    /// There is no key.
    None,
    /// Here it is.
    Signed(Signed),
    /// The driver has been asked; the command goes on when the signature comes.
    Asked,
}

/// What an external signer was asked to sign.
pub(crate) struct Unsigned {
    input: Secret,
    at: UnixMillis,
    key: KeyAlgorithm,
    nonce: Option<String>,
}

/// What a proof is for.
pub(crate) struct Wanted<'a> {
    /// Whose key.
    pub(crate) token: TokenId,
    pub(crate) claims: &'a Claims<'a>,
    pub(crate) offset: ClockOffset,
    /// Where nonces come from; empty for the socket, which has none.
    pub(crate) origin: &'a str,
    /// The command has been repeated for a nonce already.
    pub(crate) repeated: bool,
}

impl Session {
    /// Signs for one attempt, in the server's time (R35).
    pub(crate) fn sign(
        &mut self,
        turn: &mut Turn,
        command: &Command,
        wanted: &Wanted<'_>,
    ) -> core::result::Result<Proof, Fault> {
        let bound_to = self.tokens.get(wanted.token).and_then(|known| known.key);
        let Some(key) = self.keys.of(bound_to) else { return Ok(Proof::None) };
        let at = turn.now.unix.shifted(wanted.offset.unwrap_or(0));
        let (jti, iat) = (self.ids.proof(), at.as_seconds());
        let nonce = self.nonces.of(wanted.origin);
        let algorithm = key.algorithm().into();
        if !key.is_external() {
            let proof =
                dpop::proof(key, &jti, iat, wanted.claims, nonce).map_err(|error| unsigned(&error))?;
            return Ok(Proof::Signed(Signed { proof, at, key: algorithm }));
        }
        let input = dpop::signing_input(key, &jti, iat, wanted.claims, nonce);
        let thumbprint = key.thumbprint().to_owned();
        let asked = Unsigned { input: input.clone(), at, key: algorithm, nonce: nonce.map(str::to_owned) };
        let purpose = Purpose::Signature { action: command.action, repeated: wanted.repeated };
        let mut exchange = Exchange::new(self.ids.request(), command, turn.now, purpose);
        exchange.origin = wanted.origin.to_owned();
        exchange.unsigned = Some(asked);
        let (id, deadline) = (exchange.id, exchange.deadline);
        turn.put(SessionOutput::Sign { id, algorithm, thumbprint, input, deadline });
        self.exchanges.open(exchange);
        Ok(Proof::Asked)
    }

    /// The driver's signer has signed: the command goes on. A signature that took too long, or that lacks a
    /// nonce learned meanwhile, is asked for again within the same deadline (R35).
    pub(crate) fn signature_came(&mut self, turn: &mut Turn, id: RequestId, result: Result<Vec<u8>>) {
        let is_signature = |purpose: &Purpose| matches!(purpose, Purpose::Signature { .. });
        let Some(exchange) = self.exchanges.take(id, is_signature) else { return };
        let (Purpose::Signature { action, repeated }, Some(asked)) = (exchange.purpose, &exchange.unsigned)
        else {
            return;
        };
        if exchange.is_late(turn.now) {
            return;
        }
        let command = Command { id: exchange.command, deadline: exchange.deadline, action };
        let is_stale = exchange.sent.tick.until(turn.now.tick) > STALE
            || self.nonces.of(&exchange.origin) != asked.nonce.as_deref();
        let signed = match result {
            // A signer that is out of reach may be back soon.
            Err(error) => Err(Fault::new(Failure::Transport, error)),
            Ok(_) if is_stale => Ok(None),
            Ok(signature) => self.attach(asked, &signature).map(Some),
        };
        let done = signed.and_then(|signed| self.send_proved(turn, &command, repeated, signed));
        if let Err(fault) = done {
            self.fail(turn, command.id, fault, None, None);
        }
    }

    fn attach(&self, asked: &Unsigned, signature: &[u8]) -> core::result::Result<Signed, Fault> {
        let Some(key) = self.keys.get(asked.key) else { return Err(Fault::no_key("it is gone")) };
        let proof = dpop::attach(key, &asked.input, signature)
            .map_err(|error| Fault::new(Failure::Transport, unsigned(&error).error))?;
        Ok(Signed { proof, at: asked.at, key: asked.key })
    }
}

fn unsigned(error: &SignError) -> Fault {
    Fault::no_key(&error.to_string())
}
