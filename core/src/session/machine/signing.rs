//! The commands that carry a proof (R35), in three steps: what is to be proved is prepared, it is signed, here or by an
//! external signer, and with the proof the command is finished.
//!
//! This stands with the machine: it touches secrets, sockets, requests under way and the settings.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;

use crate::error::Result as Outcome;
use crate::lifecycle::{Action, Command, CommandId, Failure, SocketId, TokenId};
use crate::session::Session;
use crate::session::connection::ice;
use crate::session::connection::socket::{Stage, Waiting};
use crate::session::reports::fault::Fault;
use crate::session::requests::{Device, Purpose};
use crate::session::secrets::proofs::{Claim, Proof, Signed, Wanted};
use crate::session::turn::Turn;
use crate::session::vocabulary::ids::RequestId;
use crate::session::vocabulary::output::SessionOutput;
use crate::wire::connect::{self, AGENT, Connect};
use crate::wire::reauthenticate::{self, Reauthenticate};
use crate::wire::rest::{self, Endpoint};

use super::commands::unknown_token;

impl Session {
    /// Prepares, signs and finishes; with an external signer it is finished when the signature comes. `repeated`: the
    /// server has asked for a nonce already.
    pub(super) fn begin(&mut self, turn: &mut Turn, command: &Command, repeated: bool) -> Result<(), Fault> {
        let Some(wanted) = self.prepare(command)? else { return Ok(()) };
        let proof = self.secrets.sign(&mut self.ids, turn.now, &wanted);
        let signed = match proof.or_else(|fault| self.without_key(&wanted, fault))? {
            Proof::None => None,
            Proof::Signed(signed) => Some(signed),
            Proof::Unsigned(unsigned) => {
                let purpose = Purpose::Signature { action: command.action, repeated };
                let mut pending = self.pending_for(turn.now, command, purpose);
                let (id, deadline, algorithm) = (pending.id, pending.deadline, unsigned.key);
                let (thumbprint, input) = (unsigned.thumbprint.clone(), unsigned.input.clone());
                turn.put(SessionOutput::Sign { id, algorithm, thumbprint, input, deadline });
                pending.unsigned = Some(unsigned);
                self.pending.open(pending);
                return Ok(());
            }
        };
        self.finish(turn, command, repeated, signed)
    }

    /// What is to be proved, if all that the command needs is there.
    fn prepare(&mut self, command: &Command) -> Result<Option<Wanted>, Fault> {
        let (token, offset, claim) = match command.action {
            Action::Activate { base, offset } => (base, offset, self.claim(Endpoint::DeviceToken, base)?),
            Action::Renew { bound, offset } => (bound, offset, self.claim(Endpoint::DeviceRefresh, bound)?),
            Action::Authenticate { socket, token, offset, .. } => {
                self.secrets.tokens.get(token).ok_or_else(unknown_token)?;
                self.sockets.at(socket, Stage::Open)?.connect = Some(command.id);
                (token, offset, Claim::Rpc { mth: connect::METHOD })
            }
            Action::Reauthenticate { socket, token, offset } => {
                self.secrets.tokens.get(token).ok_or_else(unknown_token)?;
                self.sockets.at(socket, Stage::Authenticated)?;
                (token, offset, Claim::Rpc { mth: reauthenticate::METHOD })
            }
            _ => return Ok(None),
        };
        Ok(Some(Wanted { token, offset, claim }))
    }

    fn claim(&self, endpoint: Endpoint, token: TokenId) -> Result<Claim, Fault> {
        let known = self.secrets.tokens.get(token).ok_or_else(unknown_token)?;
        let renews = endpoint == Endpoint::DeviceRefresh;
        let ath = (renews || self.config.ath_on_activation).then(|| known.ath());
        let url = endpoint.url(known.routing.fabric());
        let htu = if self.config.full_htu { url.htu() } else { endpoint.path().to_owned() };
        Ok(Claim::Http { htm: endpoint.method().name(), htu, ath, origin: url.origin() })
    }

    /// A key that cannot sign leaves a session unbound on its socket, not dead (R35); but what is bound to it would be
    /// refused without a proof, as if it were the token's fault: that waits for the key.
    fn without_key(&self, wanted: &Wanted, fault: Fault) -> Result<Proof, Fault> {
        let is_bound = self.secrets.tokens.get(wanted.token).is_some_and(|known| known.key.is_some());
        match wanted.claim {
            Claim::Http { .. } => Err(fault),
            Claim::Rpc { .. } if is_bound => Err(Fault::new(Failure::Transport, fault.error)),
            Claim::Rpc { .. } => Ok(Proof::None),
        }
    }

    /// Sends it, with the proof that there is.
    fn finish(
        &mut self,
        turn: &mut Turn,
        command: &Command,
        repeated: bool,
        signed: Option<Signed>,
    ) -> Result<(), Fault> {
        match command.action {
            Action::Activate { base: token, offset } => {
                let device = Device { endpoint: Endpoint::DeviceToken, token, offset, repeated };
                self.ask_device(turn, command, device, signed)
            }
            Action::Renew { bound: token, offset } => {
                let device = Device { endpoint: Endpoint::DeviceRefresh, token, offset, repeated };
                self.ask_device(turn, command, device, signed)
            }
            Action::Authenticate { socket, token, resume, .. } => {
                self.authenticate(turn, command.id, (socket, token), resume, signed)
            }
            Action::Reauthenticate { socket, token, .. } => {
                self.reauthenticate(turn, command.id, (socket, token), signed)
            }
            _ => Ok(()),
        }
    }

    /// A request for a client-bound token; a repetition for a nonce is another request within the same command.
    fn ask_device(
        &mut self,
        turn: &mut Turn,
        command: &Command,
        device: Device,
        signed: Option<Signed>,
    ) -> Result<(), Fault> {
        let known = self.secrets.tokens.get(device.token).ok_or_else(unknown_token)?;
        let signed = signed.ok_or_else(|| Fault::no_key("there is none"))?;
        let life = self.inner.lifecycle.policy().device_life / 1_000;
        let renews = device.endpoint == Endpoint::DeviceRefresh;
        let build = if renews { rest::device_refresh } else { rest::device_token };
        let request = build(known.routing.fabric(), &known.token, &signed.proof, life)?;
        let mut pending = self.pending_for(turn.now, command, Purpose::Device(device));
        pending.signed = Some((signed.at, signed.key));
        pending.secrets.push(signed.proof);
        self.pending.send(turn, pending, request);
        Ok(())
    }

    /// `signalwire.connect`, the first frame out (R32), with a proof whenever there is a key (R21).
    fn authenticate(
        &mut self,
        turn: &mut Turn,
        command: CommandId,
        (socket, token): (SocketId, TokenId),
        resume: bool,
        signed: Option<Signed>,
    ) -> Result<(), Fault> {
        let known = self.secrets.tokens.get(token).ok_or_else(unknown_token)?;
        self.sockets.at(socket, Stage::Open)?;
        let id = self.ids.frame();
        let resume = if resume { self.resume.parts() } else { None };
        let agent = self.config.agent.as_deref().unwrap_or(AGENT);
        let dpop_token = signed.as_ref().map(|signed| &signed.proof);
        let (jwt_token, interests) = (&known.token, &self.config.interests);
        let frame =
            Connect { id: &id, jwt_token, dpop_token, resume: resume.as_ref(), agent, interests }.frame();
        let resume = Some(resume.is_some());
        let waiting = Waiting { id, command, token, resume, signed, at: turn.now.tick };
        self.sockets.ask(turn, socket, frame, waiting);
        Ok(())
    }

    fn reauthenticate(
        &mut self,
        turn: &mut Turn,
        command: CommandId,
        (socket, token): (SocketId, TokenId),
        signed: Option<Signed>,
    ) -> Result<(), Fault> {
        let known = self.secrets.tokens.get(token).ok_or_else(unknown_token)?;
        self.sockets.at(socket, Stage::Authenticated)?;
        let id = self.ids.frame();
        let dpop_token = signed.as_ref().map(|signed| &signed.proof);
        let project = self.resume.project();
        let frame = Reauthenticate { id: &id, project, jwt_token: &known.token, dpop_token }.frame();
        let waiting = Waiting { id, command, token, resume: None, signed, at: turn.now.tick };
        self.sockets.ask(turn, socket, frame, waiting);
        Ok(())
    }

    /// The driver's signer has signed: the command goes on. A signature that took too long, or that lacks a
    /// nonce learned meanwhile, is asked for again within the same deadline (R35).
    pub(super) fn signature_came(&mut self, turn: &mut Turn, id: RequestId, result: Outcome<Vec<u8>>) {
        let is_signature = |purpose: &Purpose| matches!(purpose, Purpose::Signature { .. });
        let Some(pending) = self.pending.take(id, is_signature) else { return };
        let (Purpose::Signature { action, repeated }, Some(asked)) = (pending.purpose, &pending.unsigned)
        else {
            return;
        };
        if pending.is_late(turn.now) {
            return;
        }
        let command = Command { id: pending.command, deadline: pending.deadline, action };
        let signed = match result {
            // A signer that is out of reach may be back soon.
            Err(error) => Err(Fault::new(Failure::Transport, error)),
            Ok(_) if self.secrets.is_stale(asked, pending.sent, turn.now) => Ok(None),
            Ok(signature) => self.secrets.attach(asked, &signature).map(Some),
        };
        if signed.is_ok() && self.is_put_off(&command) {
            return;
        }
        let done = signed.and_then(|signed| match signed {
            Some(signed) => self.finish(turn, &command, repeated, Some(signed)),
            None => self.begin(turn, &command, repeated),
        });
        if let Err(fault) = done {
            self.fail(turn, command.id, fault, None, None);
        }
    }

    /// Another token is in force by now, or on its way: the session's own reauthenticate is not sent any more.
    fn is_put_off(&mut self, command: &Command) -> bool {
        let (ice::OWN, Action::Reauthenticate { socket, token, .. }) = (command.id, command.action) else {
            return false;
        };
        let is_wanted = self.ice.is_wanted(&self.around(), socket, token);
        if !is_wanted {
            self.ice.put_off();
        }
        !is_wanted
    }
}
