//! What the server says of ends, true or not.

use satkeeper_core::UnixMillis;
use satkeeper_core::lifecycle::{Statement, TokenId};

use super::{Minted, Server};
use crate::clocks::Clocks;
use crate::draws::Draws;
use crate::faults::{Fault, Mix};
use crate::setting::{Says, Setting};

impl Server {
    /// With the exchange.
    pub(super) fn says_first(
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
    pub(super) fn says_afterwards(
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
