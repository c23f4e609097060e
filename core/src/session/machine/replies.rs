//! What the driver brings back: responses, credentials and keys, turned into answers to commands.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

use crate::dpop::ProofKey;
use crate::error::{Error, ProviderFault, Result};
use crate::lifecycle::{Action, Command, Failure, KeyAlgorithm, Reply, TokenFacts};
use crate::secret::Secret;
use crate::time::UnixMillis;
use crate::wire::http::HttpResponse;
use crate::wire::rest::{Endpoint, SubscriberInfo, TokenReply};
use crate::wire::text::Cleaner;

use crate::session::Session;
use crate::session::machine::commands::{assumed, unknown_token};
use crate::session::machine::facts::server_time;
use crate::session::reports::fault::Fault;
use crate::session::requests::{Device, Pending, Purpose};
use crate::session::turn::Turn;
use crate::session::vocabulary::credential::{Credential, ProviderError};
use crate::session::vocabulary::ids::RequestId;
use crate::session::vocabulary::input::StoreFailure;

impl Session {
    pub(super) fn http(&mut self, turn: &mut Turn, id: RequestId, result: Result<HttpResponse>) {
        if self.application.lookup.is_answer(id) {
            return self.subscriber_came(turn, result);
        }
        let is_http = |purpose: &Purpose| {
            matches!(purpose, Purpose::Space { .. } | Purpose::Inspect { .. } | Purpose::Device(_))
        };
        let Some(pending) = self.pending.take(id, is_http) else { return };
        let date = result.as_ref().ok().and_then(|response| server_time(response.told_unix_ms()));
        if let Ok(response) = &result {
            self.secrets.nonces.learn(&pending.origin, response.dpop_nonce.as_deref());
        }
        match pending.purpose {
            Purpose::Space { endpoint, key, life, epoch } => {
                let orphan = result.as_ref().ok().and_then(TokenReply::orphaned_secret);
                let reply = result.and_then(|response| self.token_reply(endpoint, &pending, &response));
                let reply = reply.map_err(|error| (error, orphan));
                let is_current = epoch == self.secrets.refresh_token.epoch;
                match self.provided(&pending, endpoint, key, life, is_current, reply) {
                    Ok(facts) => self.succeed(turn, &pending, Reply::Token(facts), date),
                    Err(fault) => self.fail(turn, pending.command, fault, date, None),
                }
            }
            Purpose::Inspect { base } => {
                let info = result.and_then(|response| {
                    let secrets = pending.secrets.iter().chain(self.confidential()).collect::<Vec<_>>();
                    SubscriberInfo::parse(&response, &secrets)
                });
                match info {
                    Ok(info) => {
                        self.shown.show_subscriber(turn, info.subscriber.clone());
                        let statement = self.info_statement(turn, base, &info);
                        self.succeed(turn, &pending, Reply::Inspected(statement), date);
                    }
                    Err(error) => self.fail(turn, pending.command, error.into(), date, None),
                }
            }
            Purpose::Device(device) => {
                let reply = result.and_then(|it| self.token_reply(device.endpoint, &pending, &it));
                self.exchanged(turn, &pending, device, date, reply);
            }
            Purpose::Key(_)
            | Purpose::Callback { .. }
            | Purpose::Signature { .. }
            | Purpose::Store
            | Purpose::Intent { .. } => {}
        }
    }

    pub(super) fn credential_came(
        &mut self,
        turn: &mut Turn,
        id: RequestId,
        result: core::result::Result<Credential, ProviderError>,
    ) {
        let Some(pending) = self.pending.take(id, |it| matches!(it, Purpose::Callback { .. })) else {
            return;
        };
        let Purpose::Callback { key } = pending.purpose else { return };
        let facts = match result {
            Ok(credential) => self.admit_credential(turn, &credential).map_err(Fault::from),
            Err(error) => Err(self.provider_fault(error)),
        };
        match facts {
            Ok(facts) => {
                self.secrets.tokens.bind(facts.token, key);
                self.succeed(turn, &pending, Reply::Token(facts), None);
            }
            Err(fault) => self.fail(turn, pending.command, fault, None, None),
        }
    }

    pub(super) fn key_came(&mut self, turn: &mut Turn, id: RequestId, result: Result<ProofKey>) {
        let Some(pending) = self.pending.take(id, |it| matches!(it, Purpose::Key(_))) else { return };
        let Purpose::Key(wanted) = pending.purpose else { return };
        let fault = match result {
            Ok(key) if crate::lifecycle::KeyAlgorithm::from(key.algorithm()) == wanted => {
                self.secrets.keys.keep(key);
                return self.succeed(turn, &pending, Reply::KeyMade, None);
            }
            Ok(_) => Fault::no_key("the driver brought a key of another kind"),
            Err(error @ Error::DpopInit { .. }) => Fault::from(error),
            Err(error) => Fault::no_key(&error.to_string()),
        };
        self.fail(turn, pending.command, fault, None, None);
    }

    fn token_reply(
        &self,
        endpoint: Endpoint,
        pending: &Pending,
        response: &HttpResponse,
    ) -> Result<TokenReply> {
        let secrets = pending.secrets.iter().chain(self.confidential()).collect::<Vec<_>>();
        TokenReply::parse(endpoint, response, &secrets)
    }

    /// A space's answer.
    fn provided(
        &mut self,
        pending: &Pending,
        endpoint: Endpoint,
        key: Option<KeyAlgorithm>,
        life: u64,
        is_current: bool,
        reply: core::result::Result<TokenReply, (Error, Option<Secret>)>,
    ) -> core::result::Result<TokenFacts, Fault> {
        let renews = endpoint == Endpoint::RefreshSubscriberToken;
        let rotates = is_current && (renews || endpoint == Endpoint::CreateSubscriberToken);
        match reply {
            Ok(reply) => {
                let new_secret = match reply.refresh_token {
                    Some(secret) if rotates => {
                        self.secrets.refresh_token.keep(secret, pending.id, pending.sent)
                    }
                    _ => false,
                };
                // What this request has presented; a new one that came with the answer it has not.
                self.secrets.refresh_token.spent(pending.id);
                let token = self.admit(&reply.token)?;
                self.secrets.tokens.bind(token, key);
                Ok(assumed(token, life, new_secret))
            }
            Err((error, orphan)) => {
                if let Some(secret) = orphan.filter(|_| rotates) {
                    self.secrets.refresh_token.keep(secret, pending.id, pending.sent);
                } else if rotates && renews {
                    self.secrets.refresh_token.failed(pending.id, &error);
                }
                Err(error.into())
            }
        }
    }

    /// The record has been written or erased, or not.
    pub(super) fn stored(
        &mut self,
        turn: &mut Turn,
        id: RequestId,
        result: core::result::Result<(), StoreFailure>,
    ) {
        let is_store = |purpose: &Purpose| matches!(purpose, Purpose::Store | Purpose::Intent { .. });
        let Some(pending) = self.pending.take(id, is_store) else { return };
        let failure = match &result {
            Ok(()) => None,
            Err(StoreFailure::Taken(error) | StoreFailure::Failed(error) | StoreFailure::Unsure(error)) => {
                Some(error.clone())
            }
        };
        self.store.heard(failure.clone());
        let is_intent = matches!(pending.purpose, Purpose::Intent { .. });
        match (result, failure) {
            (Err(StoreFailure::Taken(_)), Some(error)) => {
                let fault = Fault::new(Failure::Conflict, error);
                self.fail(turn, pending.command, fault, None, None);
            }
            (result, _) if is_intent => self.intent_stored(turn, pending, result),
            (_, None) => turn.reply(pending.command, Reply::Finished),
            (_, Some(error)) => self.fail(turn, pending.command, Fault::from(error), None, None),
        }
    }

    /// The answer of devices/token or devices/refresh.
    fn exchanged(
        &mut self,
        turn: &mut Turn,
        pending: &Pending,
        device: Device,
        date: Option<UnixMillis>,
        reply: Result<TokenReply>,
    ) {
        let error = match reply {
            Ok(reply) => {
                let from = self.secrets.tokens.get(device.token);
                let key = pending.signed.map(|(_, key)| key);
                let Some(routing) = from.map(|known| known.routing.clone()) else {
                    // Nobody waits for it any more.
                    return self.fail(turn, pending.command, unknown_token(), date, pending.signed_at());
                };
                match self.admit_bound(&reply.token, routing) {
                    Ok(token) => {
                        self.secrets.tokens.bind(token, key);
                        let statement = self.device_statement(turn, &reply);
                        let facts = TokenFacts { token, statement, new_secret: false };
                        return self.succeed(turn, pending, Reply::Token(facts), date);
                    }
                    Err(refused) => refused,
                }
            }
            Err(error) => error,
        };
        let wants_nonce = matches!(&error, Error::Http(http) if http.wants_nonce);
        let mut fault = Fault::from(error);
        if wants_nonce && !device.repeated && !pending.is_late(turn.now) {
            let Device { token, offset, .. } = device;
            let action = match device.endpoint {
                Endpoint::DeviceRefresh => Action::Renew { bound: token, offset },
                _ => Action::Activate { base: token, offset },
            };
            let command = Command { id: pending.command, deadline: pending.deadline, action };
            match self.begin(turn, &command, true) {
                Ok(()) => return,
                Err(other) => fault = other,
            }
        }
        let source = Some(Box::new(fault.error));
        let error = if device.endpoint == Endpoint::DeviceToken {
            Error::DeviceToken { message: "devices/token failed".to_owned(), source }
        } else {
            Error::TokenRefresh { message: "devices/refresh failed".to_owned(), source }
        };
        let fault = Fault::new(fault.failure, error);
        self.fail(turn, pending.command, fault, date, pending.signed_at());
    }

    /// What the application's own code says are its own words.
    fn provider_fault(&self, error: ProviderError) -> Fault {
        let secrets = self.confidential();
        let cleaner = Cleaner::new(&secrets);
        match error {
            ProviderError::Rejected(message) => Fault::from(Error::Provider {
                kind: ProviderFault::Rejected,
                message: cleaner.clean_own(&message),
            }),
            ProviderError::Transient { message, retry_after } => Fault::new(
                Failure::Provider { retry_after },
                Error::Provider { kind: ProviderFault::Transient, message: cleaner.clean_own(&message) },
            ),
        }
    }
}
