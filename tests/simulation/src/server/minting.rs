//! Which tokens there come to be, and which of them are remembered.

use satkeeper_core::lifecycle::{Confirmation, KeyAlgorithm, Reply, TokenFacts, TokenId};

use super::{Minted, Server};
use crate::clocks::Clocks;
use crate::draws::Draws;
use crate::faults::{Fault, Mix};
use crate::setting::Setting;

/// Tokens that are remembered: more than a session ever holds.
const REMEMBERED: usize = 24;

impl Server {
    pub(super) fn base(
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

    pub(super) fn bound(
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
            accepted: false,
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
        // A rotating secret is the provider's.
        let new_secret = minted.of.is_none() && draws.once_in(4);
        Reply::Token(TokenFacts { token: minted.id, statement, new_secret })
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
}
