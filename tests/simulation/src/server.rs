//! The simulated server and the provider behind it: what tokens there really are, until when, and what it
//! answers when all goes well.

use satkeeper_core::UnixMillis;
use satkeeper_core::lifecycle::{
    Action, Confirmation, Failure, KeyAlgorithm, Reply, SocketId, Statement, TokenFacts, TokenId,
};

use crate::clocks::Clocks;
use crate::draws::Draws;
use crate::faults::{Fault, Mix};
use crate::setting::{Says, Setting};

/// Tokens that are remembered: more than a session ever holds.
const REMEMBERED: usize = 24;

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
    /// The server refused it at some time, rightly or not.
    pub(crate) refused: bool,
    /// Somebody other than us holds its key.
    foreign: bool,
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
    pub(crate) peer: Option<Peer>,
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
            peer: None,
            resumable: None,
            key,
            next_token: 1,
            forgetful: false,
            crooked_until: 0,
        }
    }

    pub(crate) fn token(&self, id: TokenId) -> Option<&Minted> {
        self.tokens.iter().rev().find(|token| token.id == id)
    }

    fn token_mut(&mut self, id: TokenId) -> Option<&mut Minted> {
        self.tokens.iter_mut().rev().find(|token| token.id == id)
    }

    /// How much longer it would accept this token, in milliseconds.
    pub(crate) fn left(&self, token: &Minted, clocks: &Clocks) -> u64 {
        if token.revoked || token.foreign { 0 } else { token.ends.saturating_sub(clocks.server_now()) }
    }

    fn accepts(&self, id: TokenId, clocks: &Clocks) -> bool {
        self.token(id).is_some_and(|token| self.left(token, clocks) > 0)
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

    // ---- Answers ----

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
                _ => {
                    self.note_refusal(base);
                    Err(UNAUTHORIZED)
                }
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
            Action::Authenticate { token, resume, .. } => {
                self.connect(token, resume, unproved, clocks, setting, mix, draws)
            }
            Action::Reauthenticate { token, .. } => {
                if missigned || !self.accepts(token, clocks) {
                    self.note_refusal(token);
                    return Err(REFUSED);
                }
                if let Some(peer) = &mut self.peer {
                    peer.token = Some(token);
                }
                self.resumable = self.resumable.and(Some(token));
                Ok(Reply::Reauthenticated(self.says_afterwards(token, setting, mix, draws, clocks)))
            }
            Action::Open { socket, .. } => {
                self.peer = Some(Peer { socket, token: None, dead: false });
                Ok(Reply::Opened)
            }
            Action::Probe { .. } => Ok(Reply::Alive),
            Action::MakeKey { .. } | Action::Persist | Action::Erase | Action::Close { .. } => {
                Ok(Reply::Finished)
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the world of one answer")]
    fn connect(
        &mut self,
        token: TokenId,
        resume: bool,
        unproved: bool,
        clocks: &Clocks,
        setting: &Setting,
        mix: &Mix,
        draws: &mut Draws,
    ) -> Result<Reply, Failure> {
        let bound = self.token(token).is_some_and(|token| token.of.is_some() || token.key.is_some());
        let other_key =
            self.token(token).is_some_and(|token| token.key.is_some_and(|key| Some(key) != self.key));
        if resume {
            // The state vouches for the session, whatever has become of its token since.
            let Some(session) = self.resumable.filter(|_| !unproved) else {
                return Err(Failure::Rpc { code: -32_003, credential: true });
            };
            if let Some(peer) = &mut self.peer {
                peer.token = Some(session);
            }
            let statement = self.says_afterwards(session, setting, mix, draws, clocks);
            // It speaks of the session's own token, which may be an older one than ours.
            let statement = if session == token { statement } else { Statement::default() };
            return Ok(Reply::Authenticated { resumed: true, statement });
        }
        if (bound && unproved) || other_key || !self.accepts(token, clocks) {
            self.note_refusal(token);
            return Err(REFUSED);
        }
        if let Some(peer) = &mut self.peer {
            peer.token = Some(token);
        }
        self.resumable = None;
        let cnf = if bound && setting.confirms { Confirmation::Ours } else { Confirmation::Unknown };
        let scope = self.token(token).filter(|token| token.of.is_none()).map(|token| token.scope);
        let statement = self.says_afterwards(token, setting, mix, draws, clocks);
        Ok(Reply::Authenticated { resumed: false, statement: Statement { cnf, scope, ..statement } })
    }

    // ---- Tokens ----

    fn base(
        &mut self,
        scope: bool,
        key: Option<KeyAlgorithm>,
        clocks: &Clocks,
        setting: &Setting,
        mix: &Mix,
        draws: &mut Draws,
    ) -> Reply {
        let last = self.tokens.iter().rev().find(|token| token.of.is_none()).copied();
        if let Some(last) = last
            && mix.hits(Fault::SameToken, draws)
        {
            self.crooked_until = self.crooked_until.max(clocks.now + setting.base_life);
            let statement = self.says_first(last.id, setting, mix, draws, clocks);
            return Reply::Token(TokenFacts { token: last.id, statement, new_secret: false });
        }
        let ends = clocks.server_now() + setting.base_life;
        let barren = last.filter(|last| last.ends > clocks.server_now()).map(|last| last.ends);
        let foreign = mix.hits(Fault::ForeignKey, draws);
        let minted = Minted { of: None, key, scope, foreign, ..self.fresh(ends, clocks) };
        self.mint(minted, barren, clocks, setting, mix, draws)
    }

    fn bound(
        &mut self,
        of: TokenId,
        clocks: &Clocks,
        setting: &Setting,
        mix: &Mix,
        draws: &mut Draws,
    ) -> Reply {
        let ends = clocks.server_now() + setting.bound_life;
        let limit = self.token(of).filter(|_| setting.caps).map_or(u64::MAX, |base| base.ends);
        let last = self.tokens.iter().rev().find(|token| token.of == Some(of)).copied();
        let barren = last.filter(|last| last.ends > clocks.server_now()).map(|last| last.ends);
        let minted =
            Minted { of: Some(of), key: self.key, scope: false, ..self.fresh(ends.min(limit), clocks) };
        self.mint(minted, barren, clocks, setting, mix, draws)
    }

    const fn fresh(&self, ends: u64, clocks: &Clocks) -> Minted {
        Minted {
            id: TokenId(self.next_token),
            ends,
            born: clocks.server_now(),
            of: None,
            key: None,
            scope: false,
            revoked: false,
            honest: true,
            refused: false,
            foreign: false,
        }
    }

    fn mint(
        &mut self,
        mut minted: Minted,
        barren: Option<u64>,
        clocks: &Clocks,
        setting: &Setting,
        mix: &Mix,
        draws: &mut Draws,
    ) -> Reply {
        if let Some(ends) = barren
            && mix.hits(Fault::Barren, draws)
        {
            minted.ends = ends;
            self.crooked_until = self.crooked_until.max(clocks.when_server(ends));
        }
        if mix.hits(Fault::ShortLife, draws) {
            minted.ends = minted.ends.min(clocks.server_now() + draws.below(60_000));
            self.crooked_until = self.crooked_until.max(clocks.when_server(minted.ends));
        }
        if minted.foreign {
            self.crooked_until = self.crooked_until.max(clocks.when_server(minted.ends));
        }
        self.next_token += 1;
        self.remember(minted, clocks);
        let mut statement = self.says_first(minted.id, setting, mix, draws, clocks);
        if minted.foreign {
            statement.cnf = Confirmation::Others;
        }
        Reply::Token(TokenFacts { token: minted.id, statement, new_secret: draws.once_in(4) })
    }

    /// Those that have ended are forgotten; bases in use only in need: bound tokens outlive many of their like.
    fn remember(&mut self, minted: Minted, clocks: &Clocks) {
        if self.tokens.len() >= REMEMBERED {
            let other = |token: &Minted| Some(token.id) != minted.of;
            let ended = |token: &Minted| other(token) && token.ends <= clocks.server_now();
            let index = self.tokens.iter().position(ended).or_else(|| self.tokens.iter().position(other));
            let forgotten = self.tokens.remove(index.unwrap_or(0));
            self.forgetful |= !forgotten.honest || !ended(&forgotten);
        }
        self.tokens.push(minted);
    }

    /// A token that the application brings of its own.
    pub(crate) fn brought(
        &mut self,
        life: u64,
        clocks: &Clocks,
        setting: &Setting,
        mix: &Mix,
        draws: &mut Draws,
    ) -> TokenFacts {
        let scope = draws.bit();
        let minted = Minted { scope, ..self.fresh(clocks.server_now() + life, clocks) };
        self.next_token += 1;
        self.remember(minted, clocks);
        let statement = self.says_first(minted.id, setting, mix, draws, clocks);
        TokenFacts { token: minted.id, statement, new_secret: false }
    }

    // ---- What is said of ends ----

    /// With the exchange.
    fn says_first(
        &mut self,
        id: TokenId,
        setting: &Setting,
        mix: &Mix,
        draws: &mut Draws,
        clocks: &Clocks,
    ) -> Statement {
        let Some(token) = self.token(id).copied() else { return Statement::default() };
        let told = self.told_end(&token, mix, draws, clocks);
        let life = Some(told.saturating_sub(token.born.max(clocks.server_now())));
        let time = Some(UnixMillis(told));
        let none = Statement::default();
        match setting.says {
            Says::Lifetime => Statement { expires_in: life, ..none },
            Says::Time => Statement { expires_at: time, ..none },
            Says::Both => Statement { expires_in: life, expires_at: time, ..none },
            Says::Hint if token.of.is_none() => Statement { expiry_hint: time, ..none },
            Says::Hint => Statement { expires_in: life, ..none },
            Says::Assumed => Statement { assumed_life: life, ..none },
            Says::Afterwards => none,
        }
    }

    /// In the result of a connect, a push, an inspection.
    fn says_afterwards(
        &mut self,
        id: TokenId,
        setting: &Setting,
        mix: &Mix,
        draws: &mut Draws,
        clocks: &Clocks,
    ) -> Statement {
        let Some(token) = self.token(id).copied() else { return Statement::default() };
        if !matches!(setting.says, Says::Time | Says::Both | Says::Afterwards) {
            return Statement::default();
        }
        let told = self.told_end(&token, mix, draws, clocks);
        Statement { expires_at: Some(UnixMillis(told)), ..Statement::default() }
    }

    /// The end as it is told; false if that is drawn.
    fn told_end(&mut self, token: &Minted, mix: &Mix, draws: &mut Draws, clocks: &Clocks) -> u64 {
        let life = token.ends.saturating_sub(token.born);
        let told = if mix.hits(Fault::LieLater, draws) {
            token.ends + draws.below(life * 2 + 60_000)
        } else if mix.hits(Fault::LieEarlier, draws) {
            token.ends - draws.below(life + 1)
        } else if mix.hits(Fault::Absurd, draws) {
            draws.pick(&[0, 1, 1_800_000_000, u64::MAX, u64::MAX / 2, 253_402_300_800_000])
        } else {
            return token.ends;
        };
        let until = clocks.when_server(told.max(token.ends)).saturating_add(60_000);
        self.crooked_until = self.crooked_until.max(until);
        if let Some(token) = self.token_mut(token.id) {
            token.honest = false;
        }
        told
    }
}
