//! Requests to the driver without an answer yet: each is answered once, in its own kind, and what went along in
//! confidence is known until then.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::lifecycle::{Action, ClockOffset, Command, CommandId, KeyAlgorithm, TokenId};
use crate::secret::Secret;
use crate::time::{Millis, Now, Tick, UnixMillis};
use crate::wire::http::{HeaderValue, HttpRequest};
use crate::wire::rest::Endpoint;

use crate::session::secrets::proofs::Unsigned;
use crate::session::turn::Turn;
use crate::session::vocabulary::ids::RequestId;
use crate::session::vocabulary::output::SessionOutput;

/// Most that are remembered; the governor lets far fewer be made in the time that an answer can take.
const MOST: usize = 32;

/// A request to the driver. It stays here past its deadline: a late answer can bring a one-time secret.
pub(crate) struct Pending {
    pub(crate) id: RequestId,
    pub(crate) command: CommandId,
    pub(crate) deadline: Tick,
    pub(crate) sent: Now,
    pub(crate) purpose: Purpose,
    /// What was sent in confidence, to be cut out of what comes back.
    pub(crate) secrets: Vec<Secret>,
    /// `scheme://host[:port]`, which nonces are kept by; of an HTTP request.
    pub(crate) origin: String,
    /// The server time in the proof, and the kind of its key.
    pub(crate) signed: Option<(UnixMillis, KeyAlgorithm)>,
    /// What the driver is to sign.
    pub(crate) unsigned: Option<Unsigned>,
    /// What is to be sent once this has been answered.
    pub(crate) next: Option<Box<(Pending, HttpRequest)>>,
}

/// What it was made for.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Key(KeyAlgorithm),
    /// `key`: whose fingerprint went along.
    Callback {
        key: Option<KeyAlgorithm>,
    },
    Space {
        endpoint: Endpoint,
        /// Whose fingerprint went along.
        key: Option<KeyAlgorithm>,
        life: Millis,
        epoch: u32,
    },
    Inspect {
        base: TokenId,
    },
    Device(Device),
    /// The record is written or erased.
    Store,
    /// That a one-time secret will be presented is written.
    Intent {
        /// The request that is to present it.
        presents: RequestId,
    },
    /// The command goes on when it comes.
    Signature {
        action: Action,
        repeated: bool,
    },
}

/// A client-bound token.
#[derive(Clone, Copy)]
pub(crate) struct Device {
    pub(crate) endpoint: Endpoint,
    /// The token that authorises the exchange.
    pub(crate) token: TokenId,
    pub(crate) offset: ClockOffset,
    /// The server has asked for a nonce already: once is enough.
    pub(crate) repeated: bool,
}

impl Pending {
    pub(crate) const fn new(id: RequestId, command: &Command, now: Now, purpose: Purpose) -> Self {
        Self {
            id,
            command: command.id,
            deadline: command.deadline,
            sent: now,
            purpose,
            secrets: Vec::new(),
            origin: String::new(),
            signed: None,
            unsigned: None,
            next: None,
        }
    }

    /// What the request holds in confidence, and where it goes.
    pub(crate) fn carrying(mut self, request: &HttpRequest) -> Self {
        self.origin = request.url.origin();
        for (_, value) in &request.headers {
            let HeaderValue::Secret(value) = value else { continue };
            let (scheme, credential) = value.expose().split_once(' ').unwrap_or(("", value.expose()));
            self.secrets.push(Secret::new(credential));
            if scheme == "Basic" {
                self.secrets.extend(password(credential));
            }
        }
        self
    }

    pub(crate) fn signed_at(&self) -> Option<UnixMillis> {
        self.signed.map(|(at, _)| at)
    }

    pub(crate) fn is_late(&self, now: Now) -> bool {
        now.tick >= self.deadline
    }
}

/// Oldest first. Between renewals there is none, so no room is kept for one.
#[derive(Default)]
pub(crate) struct PendingRequests(Vec<Pending>);

impl PendingRequests {
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.0.iter().flat_map(|pending| &pending.secrets)
    }

    pub(crate) fn open(&mut self, pending: Pending) {
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.reserve_exact(1);
        self.0.push(pending);
    }

    /// Goes out.
    pub(crate) fn send(&mut self, turn: &mut Turn, pending: Pending, request: HttpRequest) {
        let pending = pending.carrying(&request);
        turn.put(SessionOutput::Request { id: pending.id, request, deadline: pending.deadline });
        self.open(pending);
    }

    /// Bounded; each name once.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let ids = self.0.iter().map(|open| open.id);
        if self.0.len() > MOST {
            return Err("too many requests to the driver are remembered");
        }
        if ids.clone().zip(ids.skip(1)).any(|(one, next)| one == next) {
            return Err("a request to the driver is there twice");
        }
        Ok(())
    }

    /// The first for which this holds.
    pub(crate) fn take_if(&mut self, is_it: impl Fn(&Pending) -> bool) -> Option<Pending> {
        let at = self.0.iter().position(is_it)?;
        let taken = self.0.remove(at);
        self.0.shrink_to_fit();
        Some(taken)
    }

    /// When the first intent that something waits for has taken too long to be written.
    pub(crate) fn intent_due(&self) -> Option<Tick> {
        self.0.iter().filter(|open| open.next.is_some()).map(|open| open.deadline).min()
    }

    /// Each is answered once, and in its own kind.
    pub(crate) fn take(&mut self, id: RequestId, is_kind: impl Fn(&Purpose) -> bool) -> Option<Pending> {
        self.take_if(|open| open.id == id && is_kind(&open.purpose))
    }
}

/// The API token in Basic credentials.
fn password(credentials: &str) -> Option<Secret> {
    let pair = zeroize::Zeroizing::new(STANDARD.decode(credentials).ok()?);
    let (_, password) = core::str::from_utf8(&pair).ok()?.split_once(':')?;
    Some(Secret::new(password))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::rest::Space;
    use crate::wire::url::{Plain, SecureUrl};

    fn pending(id: u64) -> Pending {
        let command = Command { id: CommandId(1), deadline: Tick(10), action: Action::Refresh };
        let callback = Purpose::Callback { key: None };
        Pending::new(RequestId(id), &command, Now::new(0, 0), callback)
    }

    #[test]
    fn what_was_sent_in_confidence_is_known() {
        // proves R36.2
        let url = SecureUrl::parse("https://space.test", Plain::Never).unwrap();
        let space = Space::new(url, "project", &Secret::new("PTtoken")).unwrap();
        let request = crate::wire::rest::refresh_subscriber_token(&space, &Secret::new("r")).unwrap();
        let sent = pending(1).carrying(&request);
        let known = |text: &str| sent.secrets.iter().any(|secret| secret.expose() == text);
        assert!(known("PTtoken") && known("cHJvamVjdDpQVHRva2Vu"));
        assert_eq!(sent.origin, "https://space.test");
    }

    #[test]
    fn each_is_answered_once_in_its_own_kind() {
        // proves R29.1, R29.2
        let mut requests = PendingRequests::default();
        for id in 0..100 {
            requests.open(pending(id));
        }
        assert_eq!(requests.0.len(), MOST);
        assert!(requests.take(RequestId(0), |_| true).is_none());
        assert!(requests.take(RequestId(99), |it| matches!(it, Purpose::Key(_))).is_none());
        assert!(requests.take(RequestId(99), |_| true).is_some());
        assert!(requests.take(RequestId(99), |_| true).is_none());
        assert!(pending(1).is_late(Now::new(10, 0)) && !pending(1).is_late(Now::new(9, 0)));
    }
}
