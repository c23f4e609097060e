//! Replies as the facts that cross into the lifecycle (R31).

use crate::error::{Error, Result};
use crate::lifecycle::{Confirmation, Statement, TokenFacts, TokenId};
use crate::secret::Secret;
use crate::time::{Millis, UnixMillis};
use crate::wire::connect::{Authorization, Confirmation as Cnf};
use crate::wire::rest::{SubscriberInfo, TokenReply};
use crate::wire::routing::{Routing, Rules};
use crate::wire::sat::SatHeader;
use crate::wire::time::{MILLISECONDS_FROM, Oddity, PLAUSIBLE, Parsed};

use crate::session::Session;
use crate::session::turn::Turn;
use crate::session::vocabulary::config::Config;
use crate::session::vocabulary::credential::Credential;

/// Documented lifetime of a subscriber's and of a guest's token (protocol.md 1.7).
pub(crate) const SUBSCRIBER_LIFE: Millis = 7_200_000;
/// Lifetime that the official client assumes of an embed token.
pub(crate) const EMBED_LIFE: Millis = 3_600_000;
/// Documented cap of a token with `sat:refresh` and without a fingerprint.
pub(crate) const UNBOUND_SCOPE_LIFE: Millis = 60_000;
/// Lifetime of a client-bound token where its answer states none.
const DEVICE_LIFE: Millis = 900_000;

impl Session {
    /// Checks a token at the door (R31) and gives it its number.
    pub(super) fn admit(&mut self, token: &Secret) -> Result<TokenId> {
        let header = SatHeader::decode(token)?;
        let routing = self.routing(header.ch.as_deref())?;
        Ok(self.secrets.tokens.admit(token, routing))
    }

    /// A client-bound token is what the server says it is (R31): a header that names no host, or does not
    /// decode, leaves it with the hosts of the token that it was exchanged from. One that names a host which is not
    /// allowed is refused (R31).
    pub(super) fn admit_bound(&mut self, token: &Secret, from: Routing) -> Result<TokenId> {
        let ch = SatHeader::decode(token).ok().and_then(|header| header.ch);
        let named = match ch.filter(|ch| ch.contains('.')).map(|ch| self.routing(Some(&ch))) {
            Some(Err(refused @ Error::HostNotAllowed { .. })) => return Err(refused),
            Some(Ok(routing)) => Some(routing),
            _ => None,
        };
        // Equal hosts are kept once.
        let routing = named.filter(|routing| *routing != from).unwrap_or(from);
        Ok(self.secrets.tokens.admit(token, routing))
    }

    /// A token from the application or its provider.
    pub(super) fn admit_credential(
        &mut self,
        turn: &mut Turn,
        credential: &Credential,
    ) -> Result<TokenFacts> {
        let token = self.admit(&credential.token)?;
        let expiry_hint = self.hint(turn, credential.expiry_at);
        let statement = Statement { expiry_hint, ..Statement::default() };
        Ok(TokenFacts { token, statement, new_secret: false })
    }

    /// What an exchange of a device says of the token that it brought.
    pub(super) fn device_statement(&mut self, turn: &mut Turn, reply: &TokenReply) -> Statement {
        let expires_at = self.notices.read(turn, "expires_at", reply.expires_at).map(UnixMillis);
        let expires_in = self.notices.read(turn, "expires_in", reply.expires_in);
        let is_stated = expires_at.is_some() || expires_in.is_some();
        let assumed_life = (!is_stated).then_some(DEVICE_LIFE);
        Statement { expires_at, expires_in, assumed_life, ..Statement::default() }
    }

    /// What subscriber/info says of the token that it was asked with.
    pub(super) fn info_statement(
        &mut self,
        turn: &mut Turn,
        token: TokenId,
        info: &SubscriberInfo,
    ) -> Statement {
        Statement {
            expires_at: self.notices.read(turn, "sat_claims.expires_at", info.expires_at).map(UnixMillis),
            scope: info.refreshable,
            cnf: self.confirm(Some(token), &info.confirmation),
            ..Statement::default()
        }
    }

    /// What a connect or reauthenticate result says; of `token`, where it does speak of that one.
    pub(super) fn authorization_statement(
        &mut self,
        turn: &mut Turn,
        token: Option<TokenId>,
        authorization: Option<&Authorization>,
    ) -> Statement {
        let Some(authorization) = authorization else { return Statement::default() };
        Statement {
            expires_at: self
                .notices
                .read(turn, "authorization.fabric_subscriber.expires_at", authorization.expires_at)
                .map(UnixMillis),
            scope: authorization.refreshable,
            cnf: self.confirm(token, &authorization.confirmation),
            ..Statement::default()
        }
    }

    /// The hosts for a `ch`, or those that the configuration puts in their place.
    pub(super) fn routing(&self, ch: Option<&str>) -> Result<Routing> {
        let Config { relay, fabric, allow_hosts, .. } = &self.config;
        let rules = Rules { relay: relay.as_ref(), fabric: fabric.as_ref(), allowed: allow_hosts.as_ref() };
        Routing::resolve(ch, rules)
    }

    /// Whose key the server says that a token is bound to; ours is remembered.
    fn confirm(&mut self, token: Option<TokenId>, cnf: &Cnf) -> Confirmation {
        match cnf {
            Cnf::Unknown => Confirmation::Unknown,
            Cnf::None => Confirmation::Unbound,
            Cnf::Thumbprint(thumbprint) => match self.secrets.keys.named(thumbprint) {
                None => Confirmation::Others,
                Some(key) => {
                    if let Some(token) = token {
                        self.secrets.tokens.bind(token, Some(key));
                    }
                    Confirmation::Ours
                }
            },
        }
    }

    /// The provider's `expiry_at`: milliseconds, or, told by magnitude, seconds (R2, R7).
    fn hint(&mut self, turn: &mut Turn, at: Option<UnixMillis>) -> Option<UnixMillis> {
        const FIELD: &str = "expiry_at";
        let parsed = match at?.0 {
            0 => Parsed { ms: None, oddity: Some(Oddity::Unusable) },
            seconds if seconds < MILLISECONDS_FROM => {
                Parsed { ms: Some(seconds.saturating_mul(1_000)), oddity: Some(Oddity::OtherUnit) }
            }
            ms => Parsed { ms: Some(ms), oddity: None },
        };
        self.notices.read(turn, FIELD, parsed).map(UnixMillis)
    }
}

/// The server's time, if that is what it is.
pub(super) fn server_time(ms: Option<u64>) -> Option<UnixMillis> {
    ms.filter(|ms| PLAUSIBLE.contains(ms)).map(UnixMillis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lie_about_the_time_is_no_time() {
        // proves R36.7
        for (ms, is_time) in [(0, false), (1_700_000_000_000, true), (253_402_300_799_000, false)] {
            assert_eq!(server_time(Some(ms)).is_some(), is_time, "{ms}");
        }
        assert_eq!(server_time(None), None);
    }
}
