//! What there is to resume with, and how resumes have fared (R21).

use crate::lifecycle::{Generation, TokenId};

/// Resumes in a row that may fail, or not last, before a fresh connect.
const MOST_RESUMES: u32 = 3;

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resumption {
    /// The generation that the newest `authorization_state` was made for, if there is one to resume with.
    state: Option<Generation>,
    /// Resumes in a row that failed in a way that keeps the state.
    failed: u32,
    /// Resumes in a row without stability after them.
    resumes: u32,
    /// A push of this token has cost the socket so often.
    cut_by: Option<(TokenId, u32)>,
}

impl Resumption {
    pub(crate) const fn state(&self) -> Option<Generation> {
        self.state
    }

    /// Whether the next connect resumes.
    pub(crate) fn is_wanted(&self) -> bool {
        self.state.is_some() && self.resumes < MOST_RESUMES && self.cut_by.is_none_or(|(_, times)| times < 2)
    }

    pub(crate) const fn keep(&mut self, state: Generation) {
        self.state = Some(state);
    }

    /// A state has come of which nobody knows yet what it was made for.
    pub(crate) fn keep_unknown(&mut self) {
        self.state = self.state.or(Some(Generation(0)));
    }

    /// As the process before had it.
    pub(crate) const fn restore(&mut self, state: Option<Generation>) {
        self.state = state;
    }

    pub(crate) const fn forget(&mut self) {
        self.state = None;
    }

    /// A connect has succeeded. Whatever state there was belongs to the session that is gone, unless that was resumed.
    pub(crate) const fn went_live(&mut self, resumed: bool) {
        if resumed {
            self.resumes = self.resumes.saturating_add(1);
        } else {
            (self.state, self.resumes) = (None, 0);
        }
    }

    /// The server does not know the state, or not yet: the second time it is of no use.
    pub(crate) const fn refused(&mut self) {
        self.failed = self.failed.saturating_add(1);
        if self.failed > 1 {
            self.state = None;
        }
    }

    /// A resume came to nothing. A server that drops each has perhaps no good state.
    pub(crate) fn failed(&mut self, dropped: bool) {
        self.failed = self.failed.saturating_add(u32::from(dropped));
        if self.failed > MOST_RESUMES {
            self.state = None;
        }
    }

    /// A push of this token has cost the socket; whether one had before, of whichever token: where lives are short each push
    /// is another's.
    pub(crate) fn cut(&mut self, token: TokenId) -> bool {
        let times = self.cut_by.map_or(0, |(_, times)| times);
        self.cut_by = Some((token, times.saturating_add(1)));
        times > 0
    }

    /// The token whose pushes have cost the socket more than once.
    pub(crate) fn cuts(&self) -> Option<TokenId> {
        self.cut_by.filter(|(_, times)| *times >= 2).map(|(token, _)| token)
    }

    /// Another token is accepted, or brought: no push of it has cost anything.
    pub(crate) const fn uncut(&mut self) {
        self.cut_by = None;
    }

    pub(crate) const fn accepted(&mut self) {
        self.failed = 0;
    }

    pub(crate) const fn settle(&mut self) {
        self.resumes = 0;
    }

    /// The state alone.
    #[must_use]
    pub(crate) fn rested(&self) -> Self {
        Self { state: self.state, ..Self::default() }
    }
}

/// What `canonical` is made of.
#[cfg(feature = "model")]
impl Resumption {
    pub(crate) const fn facts(&self) -> (u32, u32, Option<(TokenId, u32)>) {
        let Self { state: _, failed, resumes, cut_by } = self;
        (*failed, *resumes, *cut_by)
    }
}
