//! What the server knows: tokens, one-time secrets, sockets, the state that a session can be resumed with.

use super::EPOCH;
use crate::client::{Says, Serial, Socket};
use crate::timeline::Ms;
use crate::world::{Ends, Facts};

/// Who issues tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Issuer {
    /// The application's provider, or the application itself.
    Provider,
    /// devices/token and devices/refresh.
    Device,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    /// True time.
    pub(super) ends: Ms,
    pub(super) issuer: Issuer,
    /// What it was exchanged from, at first.
    pub(super) base: Option<Serial>,
    pub(super) scope: bool,
    pub(super) identity: u8,
    pub(super) revoked: bool,
}

/// A one-time secret.
#[derive(Clone, Copy, Debug)]
struct Secret {
    chain: usize,
    /// Who presented it was accepted.
    spent: bool,
    /// A request with it has not been answered.
    open: bool,
}

/// What a session can be resumed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// What it was made for.
    pub(super) token: Serial,
    /// It is known as long as nothing was forgotten since.
    era: u32,
}

/// The server's side of a socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sock {
    pub(super) id: Socket,
    /// What the host sends on it comes through, as far as the network lets it.
    pub(super) out: bool,
    /// The other direction.
    pub(super) back: bool,
    /// What it is authenticated with.
    pub(super) token: Option<Serial>,
    /// It was authenticated, and its token has ended.
    pub(super) lapsed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Server {
    tokens: Vec<Token>,
    secrets: Vec<Secret>,
    /// The newest secret of each chain.
    chains: Vec<u32>,
    pub(super) sockets: Vec<Sock>,
    /// Whose tokens the provider brings.
    pub(super) identity: u8,
    era: u32,
    /// The provider's newest token, and the newest client-bound one.
    pub(super) newest: [Option<Serial>; 2],
}

impl Server {
    // ---- Tokens ----

    pub(super) fn issue(&mut self, token: Token) -> Serial {
        self.tokens.push(token);
        let serial = Serial::try_from(self.tokens.len()).unwrap_or(Serial::MAX);
        self.newest[usize::from(token.issuer == Issuer::Device)] = Some(serial);
        serial
    }

    pub(super) fn token(&self, serial: Serial) -> Option<&Token> {
        self.tokens.get((serial as usize).checked_sub(1)?)
    }

    /// The token, if it is honoured at `now`.
    pub(super) fn honoured(&self, serial: Serial, now: Ms) -> Option<&Token> {
        self.token(serial).filter(|token| !token.revoked && now < token.ends)
    }

    /// Honours no token any more of those that it has issued; returns which have not ended.
    pub(super) fn revoke_all(&mut self, now: Ms) -> Vec<Serial> {
        let mut revoked = Vec::new();
        for (token, serial) in self.tokens.iter_mut().zip(1..) {
            if !token.revoked && now < token.ends {
                revoked.push(serial);
            }
            token.revoked = true;
        }
        revoked
    }

    // ---- What is said of them ----

    /// What the answer that brings a token says of it.
    pub(super) fn says_at_issue(&self, serial: Serial, facts: &Facts, now: Ms) -> Says {
        let Some(token) = self.token(serial) else { return Says::default() };
        let by_provider = token.issuer == Issuer::Provider;
        let life = Some(token.ends.saturating_sub(now));
        let mut says = match facts.ends {
            Ends::Exchange => Says { life, end: Some(server_time(token.ends, facts)), ..Says::default() },
            Ends::Hint(_) if !by_provider => Says { life, ..Says::default() },
            Ends::Hint(_) | Ends::Connect | Ends::Nobody => Says::default(),
        };
        let hint = match facts.ends {
            Ends::Hint(off) => Some(off),
            _ => facts.hints_too,
        };
        says.hint = hint.filter(|_| by_provider).map(|off| (EPOCH + token.ends).saturating_add_signed(off));
        says
    }

    /// What a connect, a push or an inspection says of it.
    pub(super) fn says_afterwards(&self, serial: Serial, facts: &Facts, by_push: bool) -> Says {
        let Some(token) = self.token(serial) else { return Says::default() };
        let told = match facts.ends {
            Ends::Connect => true,
            Ends::Exchange => !by_push,
            Ends::Hint(_) | Ends::Nobody => false,
        };
        let scope = (token.issuer == Issuer::Provider && !by_push).then_some(token.scope);
        Says { end: told.then(|| server_time(token.ends, facts)), scope, ..Says::default() }
    }

    // ---- One-time secrets ----

    /// A new secret: of the chain of the one that it replaces, or of a chain of its own.
    pub(super) fn new_secret(&mut self, replaces: Option<u32>) -> u32 {
        let chain = replaces.and_then(|secret| self.secret_mut(secret)).map(|secret| secret.chain);
        let chain = chain.unwrap_or_else(|| {
            self.chains.push(0);
            self.chains.len() - 1
        });
        self.secrets.push(Secret { chain, spent: false, open: false });
        let secret = u32::try_from(self.secrets.len()).unwrap_or(u32::MAX);
        self.chains[chain] = secret;
        secret
    }

    fn secret_mut(&mut self, secret: u32) -> Option<&mut Secret> {
        self.secrets.get_mut((secret as usize).checked_sub(1)?)
    }

    /// It is presented: the newest of its chain, and whether another request with it has not been answered.
    pub(super) fn present(&mut self, secret: u32) -> Option<(u32, bool)> {
        let found = self.secret_mut(secret)?;
        let twice = std::mem::replace(&mut found.open, true);
        let chain = found.chain;
        Some((self.chains[chain], twice))
    }

    /// Spends it; `false`: it is spent, or was never issued.
    pub(super) fn spend(&mut self, secret: u32) -> bool {
        self.secret_mut(secret).is_some_and(|secret| !std::mem::replace(&mut secret.spent, true))
    }

    /// The request that presented it has been answered.
    pub(super) fn answered(&mut self, secret: u32) {
        if let Some(secret) = self.secret_mut(secret) {
            secret.open = false;
        }
    }

    // ---- Sockets and states ----

    pub(super) fn sock(&self, id: Socket) -> Option<&Sock> {
        self.sockets.iter().find(|sock| sock.id == id)
    }

    pub(super) fn sock_mut(&mut self, id: Socket) -> Option<&mut Sock> {
        self.sockets.iter_mut().find(|sock| sock.id == id)
    }

    pub(super) fn state_for(&self, token: Serial) -> State {
        State { token, era: self.era }
    }

    pub(super) fn knows(&self, state: State) -> bool {
        state.era == self.era
    }

    pub(super) fn forget_states(&mut self) {
        self.era += 1;
    }
}

/// What the server's clock shows at a true time.
pub(super) fn server_time(at: Ms, facts: &Facts) -> u64 {
    (EPOCH + at).saturating_add_signed(facts.server_clock)
}
