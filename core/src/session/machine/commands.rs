//! The lifecycle's commands, carried out. This stands with the machine: it touches secrets, sockets, requests under way and
//! the settings.

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::error::Error;
use crate::lifecycle::{Action, Command, Failure, KeyAlgorithm, Reply, SocketId, TokenFacts, TokenId};
use crate::secret::Secret;
use crate::session::Session;
use crate::session::reports::fault::Fault;
use crate::session::requests::Purpose;
use crate::session::turn::Turn;
use crate::session::vocabulary::output::{ProviderCall, SessionOutput};
use crate::session::vocabulary::provider::Provider;
use crate::time::{Millis, Now};
use crate::wire::http::HttpRequest;
use crate::wire::rest::{self, Endpoint};

use super::facts::{EMBED_LIFE, SUBSCRIBER_LIFE, UNBOUND_SCOPE_LIFE};

impl Session {
    pub(super) fn carry_out(&mut self, turn: &mut Turn, command: &Command) {
        self.journal.open(command, turn.now);
        let done = match command.action {
            Action::MakeKey { algorithm } => self.make_key(turn, command, algorithm),
            Action::Mint { fingerprint } => self.provide(turn, command, false, fingerprint),
            Action::Refresh => {
                let key = self.secrets.keys.newest().map(|key| key.algorithm().into());
                self.provide(turn, command, true, key)
            }
            Action::Inspect { base } => self.inspect(turn, command, base),
            Action::Activate { .. }
            | Action::Renew { .. }
            | Action::Authenticate { .. }
            | Action::Reauthenticate { .. } => self.begin(turn, command, false),
            Action::Open { socket, token } => self.open(turn, command, socket, token),
            Action::Probe { socket } => {
                self.sockets.probe(turn, &mut self.ids, socket, command.id).map_err(Fault::from)
            }
            Action::Close { socket } => {
                turn.put(SessionOutput::Close { socket });
                self.lose_socket(turn, socket);
                turn.reply(command.id, Reply::Finished);
                Ok(())
            }
            Action::Persist => {
                self.persist(turn, command);
                Ok(())
            }
            Action::Erase => {
                self.erase(turn, command);
                Ok(())
            }
        };
        if let Err(fault) = done {
            self.fail(turn, command.id, fault, None, None);
        }
    }

    fn open(
        &mut self,
        turn: &mut Turn,
        command: &Command,
        socket: SocketId,
        token: TokenId,
    ) -> Result<(), Fault> {
        let known = self.secrets.tokens.get(token).ok_or_else(unknown_token)?;
        let (url, deadline) = (known.routing.relay().clone(), command.deadline);
        self.sockets.open(turn, socket, command.id, SessionOutput::Open { socket, url, deadline });
        Ok(())
    }

    fn make_key(&mut self, turn: &mut Turn, command: &Command, algorithm: KeyAlgorithm) -> Result<(), Fault> {
        // One that came too late for its own command serves the next.
        if self.secrets.keys.get(algorithm).is_some() {
            turn.reply(command.id, Reply::KeyMade);
            return Ok(());
        }
        let pending = self.pending_for(turn.now, command, Purpose::Key(algorithm));
        turn.put(SessionOutput::MakeKey { id: pending.id, algorithm, deadline: pending.deadline });
        self.pending.open(pending);
        Ok(())
    }

    fn inspect(&mut self, turn: &mut Turn, command: &Command, base: TokenId) -> Result<(), Fault> {
        let Some(known) = self.secrets.tokens.get(base) else { return Err(unknown_token()) };
        let request = rest::subscriber_info(known.routing.fabric(), &known.token)?;
        let pending = self.pending_for(turn.now, command, Purpose::Inspect { base });
        self.pending.send(turn, pending, request);
        Ok(())
    }

    /// A token from the provider (R34). The fingerprint of `key` goes along where the request has a place
    /// for it; only then the token that comes is bound to it.
    fn provide(
        &mut self,
        turn: &mut Turn,
        command: &Command,
        renewal: bool,
        key: Option<KeyAlgorithm>,
    ) -> Result<(), Fault> {
        match &self.config.provider {
            // Never for a renewal: its facts say that it has none.
            Provider::Static(credential) => {
                let credential = credential.clone();
                let facts = self.admit_credential(turn, &credential)?;
                turn.reply(command.id, Reply::Token(facts));
                Ok(())
            }
            Provider::Callback { .. } => {
                let fingerprint = self.fingerprint(key);
                // Few backends have a place for a fingerprint in a refresh: what the server says binds its token.
                let (call, key) = if renewal {
                    (ProviderCall::Refresh { fingerprint }, None)
                } else {
                    (ProviderCall::Authenticate { fingerprint }, key)
                };
                let pending = self.pending_for(turn.now, command, Purpose::Callback { key });
                turn.put(SessionOutput::AskProvider { id: pending.id, call, deadline: pending.deadline });
                self.pending.open(pending);
                Ok(())
            }
            Provider::Embed { token, host } => {
                let request = rest::embed_token(host, token);
                let secret = token.clone();
                self.ask_space(turn, command, Endpoint::EmbedToken, None, EMBED_LIFE, request, secret)
            }
            Provider::Guest { space, request } => {
                let life = self.life_until(turn.now, request.expire_at).unwrap_or(SUBSCRIBER_LIFE);
                let request = request.request(space);
                let secret = Secret::new("");
                self.ask_space(turn, command, Endpoint::GuestToken, None, life, request, secret)
            }
            Provider::Subscriber { space, .. } => {
                if !renewal {
                    return self.create(turn, command, key);
                }
                let Some(secret) = self.secrets.refresh_token.usable(turn.now) else {
                    return Err(Fault::no_secret());
                };
                let (secret, request) = (secret.clone(), rest::refresh_subscriber_token(space, secret));
                let endpoint = Endpoint::RefreshSubscriberToken;
                self.ask_space(turn, command, endpoint, None, SUBSCRIBER_LIFE, request, secret)
            }
        }
    }

    /// A new subscriber token, bound to our key where there is one (R34).
    fn create(&mut self, turn: &mut Turn, command: &Command, key: Option<KeyAlgorithm>) -> Result<(), Fault> {
        let Provider::Subscriber { space, request } = &self.config.provider else {
            return Err(unknown_token());
        };
        let mut wanted = request.clone();
        let space = space.clone();
        if let Some(fingerprint) = self.fingerprint(key) {
            wanted.fingerprint = Some(fingerprint);
            wanted.scope_refresh = true;
        }
        let most = if wanted.is_short_lived() { UNBOUND_SCOPE_LIFE } else { Millis::MAX };
        let life = self.life_until(turn.now, wanted.expire_at).unwrap_or(SUBSCRIBER_LIFE).min(most);
        if wanted.is_short_lived() {
            self.notices.short_lived(turn);
        }
        let secret = wanted.password.clone().unwrap_or_else(|| Secret::new(""));
        self.ask_space(
            turn,
            command,
            Endpoint::CreateSubscriberToken,
            key,
            life,
            wanted.request(&space),
            secret,
        )
    }

    #[allow(clippy::too_many_arguments, reason = "one call, said once for four endpoints")]
    fn ask_space(
        &mut self,
        turn: &mut Turn,
        command: &Command,
        endpoint: Endpoint,
        key: Option<KeyAlgorithm>,
        life: Millis,
        request: Result<HttpRequest, Error>,
        secret: Secret,
    ) -> Result<(), Fault> {
        // A field that is refused before it is sent will be refused for ever.
        let request = request.map_err(|error| Fault::new(Failure::Rejected, error))?;
        let purpose = Purpose::Space { endpoint, key, life, epoch: self.secrets.refresh_token.epoch };
        let mut pending = self.pending_for(turn.now, command, purpose);
        pending.secrets.push(secret);
        if endpoint == Endpoint::RefreshSubscriberToken {
            self.secrets.refresh_token.present(pending.id);
            if self.config.durable {
                self.write_intent(turn, command, pending, request);
                return Ok(());
            }
        }
        self.pending.send(turn, pending, request);
        Ok(())
    }

    fn fingerprint(&self, key: Option<KeyAlgorithm>) -> Option<String> {
        self.secrets.keys.get(key?).map(|key| key.thumbprint().to_owned())
    }

    /// How long it is until a configured `expire_at`, in the server's time as far as that is known.
    fn life_until(&self, now: Now, expire_at: Option<u64>) -> Option<Millis> {
        let server = now.unix.shifted(self.clock_offset());
        Some(expire_at?.saturating_mul(1_000).saturating_sub(server.0))
    }
}

/// What a provider's answer says of its token, besides the lifetime that was asked for or is documented.
pub(super) const fn assumed(token: TokenId, life: Millis, new_secret: bool) -> TokenFacts {
    let statement = crate::lifecycle::Statement {
        expires_at: None,
        expires_in: None,
        expiry_hint: None,
        assumed_life: Some(life),
        scope: None,
        cnf: crate::lifecycle::Confirmation::Unknown,
    };
    TokenFacts { token, statement, new_secret }
}

/// The lifecycle asks only for what it holds, and what it holds is not forgotten.
pub(super) fn unknown_token() -> Fault {
    Fault::from(Error::credentials("the token is not held any more"))
}
