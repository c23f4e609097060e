//! The simulated server and the provider behind it: what tokens there really are, until when, and what it
//! answers when all goes well.

mod minting;
mod saying;

use satkeeper_core::UnixMillis;
use satkeeper_core::lifecycle::{
    Action, Confirmation, Failure, KeyAlgorithm, Reply, SocketId, Statement, TokenId,
};

use crate::clocks::Clocks;
use crate::draws::Draws;
use crate::faults::Mix;
use crate::setting::Setting;

/// Refusals of a connect or a push for its credential.
const REFUSED: Failure = Failure::Rpc { code: -32_002, credential: true };
const UNAUTHORIZED: Failure = Failure::Http { status: 401, retry_after: None };

/// A token as the server knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Minted {
    pub(crate) id: TokenId,
    /// In the server's time.
    pub(crate) ends: u64,
    born: u64,
    /// It was exchanged from this base.
    of: Option<TokenId>,
    /// What its key is like.
    key: Option<KeyAlgorithm>,
    scope: bool,
    revoked: bool,
    /// Nothing false was said of its end, and neither clock has been set since.
    pub(crate) honest: bool,
    /// A fresh connect with it was refused at some time, rightly or not: nothing else is a verdict.
    pub(crate) refused: bool,
    /// A fresh connect or a push with it has succeeded.
    pub(crate) accepted: bool,
    /// Somebody other than us holds its key.
    foreign: bool,
}

impl Minted {
    /// The server takes no proof with the key that it is bound to: nobody is ever served with it.
    pub(crate) fn is_unprovable(&self, setting: &Setting) -> bool {
        setting.rs256_only && self.key == Some(KeyAlgorithm::Es256)
    }
}

/// The session on the server's side of one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) socket: SocketId,
    /// Whose token it is authenticated with.
    pub(crate) token: Option<TokenId>,
    /// It does not answer any more.
    pub(crate) dead: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) tokens: Vec<Minted>,
    /// The sockets that are open: one that serves, one that is coming, those that were replaced.
    pub(crate) peers: Vec<Peer>,
    /// The operator has removed the subscriber.
    pub(crate) removed: bool,
    /// The token of the session that can be resumed.
    pub(crate) resumable: Option<TokenId>,
    pub(crate) key: Option<KeyAlgorithm>,
    next_token: u32,
    /// It has forgotten a token that had not ended, or that it had told lies about.
    pub(crate) forgetful: bool,
    /// Until when what was said or done wrong has effects, in true time.
    pub(crate) crooked_until: u64,
}

impl Server {
    pub(crate) const fn new(key: Option<KeyAlgorithm>) -> Self {
        Self {
            tokens: Vec::new(),
            peers: Vec::new(),
            removed: false,
            resumable: None,
            key,
            next_token: 1,
            forgetful: false,
            crooked_until: 0,
        }
    }

    /// The number of the newest token.
    pub(crate) const fn latest(&self) -> u32 {
        self.next_token
    }

    pub(crate) fn token(&self, id: TokenId) -> Option<&Minted> {
        self.tokens.iter().rev().find(|token| token.id == id)
    }

    fn token_mut(&mut self, id: TokenId) -> Option<&mut Minted> {
        self.tokens.iter_mut().rev().find(|token| token.id == id)
    }

    /// How much longer it would accept this token, in milliseconds.
    pub(crate) fn left(&self, token: &Minted, clocks: &Clocks) -> u64 {
        if token.revoked || token.foreign || self.removed {
            return 0;
        }
        token.ends.saturating_sub(clocks.server_now())
    }

    pub(crate) fn accepts(&self, id: TokenId, clocks: &Clocks) -> bool {
        self.token(id).is_some_and(|token| self.left(token, clocks) > 0)
    }

    pub(crate) fn peer(&self, socket: SocketId) -> Option<Peer> {
        self.peers.iter().find(|peer| peer.socket == socket).copied()
    }

    /// What is sent on this socket is not heard.
    pub(crate) fn is_deaf(&self, socket: SocketId) -> bool {
        self.peer(socket).is_none_or(|peer| peer.dead)
    }

    pub(crate) fn drop_peer(&mut self, socket: SocketId) -> Option<Peer> {
        let at = self.peers.iter().position(|peer| peer.socket == socket)?;
        Some(self.peers.remove(at))
    }

    pub(crate) fn deaden(&mut self, socket: SocketId) {
        for peer in self.peers.iter_mut().filter(|peer| peer.socket == socket) {
            peer.dead = true;
        }
    }

    fn authenticate(&mut self, socket: SocketId, token: TokenId) {
        for peer in self.peers.iter_mut().filter(|peer| peer.socket == socket) {
            peer.token = Some(token);
        }
    }

    /// Tokens are held, and no bound one can come of them.
    pub(crate) fn is_unscoped(&self, held: impl Fn(TokenId) -> bool) -> bool {
        let mut held = self.tokens.iter().filter(|token| held(token.id)).peekable();
        held.peek().is_some() && held.all(|token| token.of.is_none() && !token.scope)
    }

    pub(crate) fn revoke_newest(&mut self, clocks: &Clocks) {
        if let Some(token) = self.tokens.last_mut() {
            token.revoked = true;
            self.crooked_until = self.crooked_until.max(clocks.when_server(token.ends));
        }
    }

    /// A clock was set: what was said of ends before does not hold any more.
    pub(crate) fn distrust(&mut self) {
        for token in &mut self.tokens {
            token.honest = false;
        }
    }

    pub(crate) fn note_refusal(&mut self, id: TokenId) {
        if let Some(token) = self.token_mut(id) {
            token.refused = true;
        }
    }

    fn note_acceptance(&mut self, id: TokenId) {
        if let Some(token) = self.token_mut(id) {
            token.accepted = true;
        }
    }

    /// The key is there.
    pub(crate) const fn key_made(&mut self, algorithm: KeyAlgorithm) {
        self.key = Some(algorithm);
    }

    /// What it does with a command that has arrived in good order.
    pub(crate) fn serve(
        &mut self,
        action: &Action,
        signed_at: Option<UnixMillis>,
        clocks: &Clocks,
        setting: &Setting,
        mix: &Mix,
        draws: &mut Draws,
    ) -> Result<Reply, Failure> {
        let missigned = signed_at
            .zip(setting.window)
            .is_some_and(|(signed, window)| signed.0.abs_diff(clocks.server_now()) > window);
        let unproved = missigned || (setting.rs256_only && self.key == Some(KeyAlgorithm::Es256));
        match *action {
            Action::Mint { .. } | Action::Refresh if self.removed => {
                Err(Failure::Http { status: 403, retry_after: None })
            }
            Action::Mint { fingerprint } => {
                let key = fingerprint.filter(|_| setting.scope);
                Ok(self.base(setting.scope, key, clocks, setting, mix, draws))
            }
            Action::Refresh => Ok(self.base(setting.refreshed_scope, None, clocks, setting, mix, draws)),
            Action::Inspect { base } => match self.token(base) {
                Some(token) if self.left(token, clocks) > 0 => {
                    let scope = Some(token.scope);
                    Ok(Reply::Inspected(Statement {
                        scope,
                        ..self.says_afterwards(base, setting, mix, draws, clocks)
                    }))
                }
                _ => Err(UNAUTHORIZED),
            },
            Action::Activate { base, .. } => {
                let scoped = self.token(base).is_some_and(|token| token.scope);
                if unproved || !self.accepts(base, clocks) {
                    Err(UNAUTHORIZED)
                } else if !scoped {
                    Err(Failure::Http { status: 403, retry_after: None })
                } else {
                    Ok(self.bound(base, clocks, setting, mix, draws))
                }
            }
            Action::Renew { bound, .. } => {
                let base = self.token(bound).and_then(|token| token.of);
                match base {
                    Some(base) if !unproved && self.accepts(bound, clocks) => {
                        Ok(self.bound(base, clocks, setting, mix, draws))
                    }
                    _ => Err(UNAUTHORIZED),
                }
            }
            Action::Authenticate { socket, token, resume, .. } => {
                let token = if resume {
                    self.resumes(unproved)?
                } else {
                    self.connects(token, unproved, clocks)?;
                    token
                };
                self.authenticate(socket, token);
                Ok(self.welcome(token, resume, clocks, setting, mix, draws))
            }
            Action::Reauthenticate { socket, token, .. } => {
                if missigned || !self.accepts(token, clocks) {
                    return Err(REFUSED);
                }
                self.authenticate(socket, token);
                self.note_acceptance(token);
                if setting.renews_state {
                    self.resumable = self.resumable.and(Some(token));
                }
                Ok(Reply::Reauthenticated(self.says_afterwards(token, setting, mix, draws, clocks)))
            }
            Action::Open { socket, .. } => {
                self.peers.push(Peer { socket, token: None, dead: false });
                Ok(Reply::Opened)
            }
            Action::Probe { .. } => Ok(Reply::Alive),
            Action::MakeKey { .. } | Action::Persist | Action::Erase | Action::Close { .. } => {
                Ok(Reply::Finished)
            }
            other => unreachable!("{other:?} is new"),
        }
    }

    /// The state vouches for the session, whatever has become of its token since.
    fn resumes(&self, unproved: bool) -> Result<TokenId, Failure> {
        let session = self.resumable.filter(|_| !unproved && !self.removed);
        session.ok_or(Failure::Rpc { code: -32_003, credential: true })
    }

    fn connects(&mut self, token: TokenId, unproved: bool, clocks: &Clocks) -> Result<(), Failure> {
        let other_key =
            self.token(token).is_some_and(|token| token.key.is_some_and(|key| Some(key) != self.key));
        if (self.is_bound(token) && unproved) || other_key || !self.accepts(token, clocks) {
            self.note_refusal(token);
            return Err(REFUSED);
        }
        self.note_acceptance(token);
        self.resumable = None;
        Ok(())
    }

    fn is_bound(&self, token: TokenId) -> bool {
        self.token(token).is_some_and(|token| token.of.is_some() || token.key.is_some())
    }

    /// What a connect's result says: of a resumed session it speaks of the session's own token, which may be an older
    /// one than ours.
    fn welcome(
        &mut self,
        token: TokenId,
        resumed: bool,
        clocks: &Clocks,
        setting: &Setting,
        mix: &Mix,
        draws: &mut Draws,
    ) -> Reply {
        let statement = self.says_afterwards(token, setting, mix, draws, clocks);
        if resumed {
            return Reply::Authenticated { resumed, statement };
        }
        let confirms = self.is_bound(token) && setting.confirms;
        let cnf = if confirms { Confirmation::Ours } else { Confirmation::Unknown };
        let scope = self.token(token).filter(|token| token.of.is_none()).map(|token| token.scope);
        Reply::Authenticated { resumed, statement: Statement { cnf, scope, ..statement } }
    }
}
