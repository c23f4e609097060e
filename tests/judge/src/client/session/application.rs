//! The application around a session: its provider's functions, and what it keeps for them.

use satkeeper_core::UnixMillis;
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{Credential, ProviderError, RequestId};

use super::numbers;
use crate::client::{Bad, Clocks, Good, Reply, Says};

/// What its own functions keep, beyond any process: where they have a one-time secret, it is theirs to keep.
#[derive(Debug, Default)]
pub(super) struct Application {
    secret: Option<u32>,
    /// Somebody presents it. Whoever asks meanwhile gets the same answer: it must not be presented twice.
    presenting: Option<Vec<RequestId>>,
    /// Nobody knows whether it has been taken.
    in_doubt: bool,
}

/// What a `refresh()` does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refresh {
    /// It asks, with this secret, if there is one.
    Asks(Option<u32>),
    /// It waits for what is asked already.
    Waits,
    /// Its secret may have been spent: it asks for a new token, where that can be had, and is at its end elsewhere.
    InDoubt,
}

impl Application {
    pub(super) fn refresh(&mut self, id: RequestId) -> Refresh {
        if let Some(waiting) = &mut self.presenting {
            waiting.push(id);
            return Refresh::Waits;
        }
        if self.in_doubt {
            return Refresh::InDoubt;
        }
        if self.secret.is_some() {
            self.presenting = Some(Vec::new());
        }
        Refresh::Asks(self.secret)
    }

    /// The answer of the provider has come; who else waits for it is told.
    pub(super) fn learns(&mut self, reply: &Reply, refresh: bool) -> Vec<RequestId> {
        let waiting = if refresh { self.presenting.take() } else { None };
        match reply.result {
            Ok(Good::Token { secret: Some(secret), .. })
                if self.secret.is_none_or(|known| known < secret) =>
            {
                self.secret = Some(secret);
                self.in_doubt = false;
            }
            // Only what the provider itself says is known not to have taken it.
            Err(Bad::Http { own: true, .. } | Bad::Failed | Bad::Rejected) => {}
            Err(_) => self.in_doubt |= waiting.is_some(),
            Ok(_) => {}
        }
        waiting.unwrap_or_default()
    }

    /// Another process begins: whether what the last one presented was taken, nobody knows.
    pub(super) fn restarts(&mut self) {
        self.in_doubt |= self.presenting.take().is_some();
    }
}

/// What an application's function returns for an answer. Only a refusal for good is one: any other failure may pass.
pub(super) fn credential(now: Clocks, reply: &Reply) -> Result<Credential, ProviderError> {
    match reply.result {
        Ok(Good::Token { token, says, .. }) => Ok(handed_on(now, token, says)),
        Ok(_) => Err(ProviderError::Rejected("an answer to something else".to_owned())),
        Err(Bad::Rejected) => Err(ProviderError::Rejected("signed out".to_owned())),
        Err(Bad::Http { status, retry_after, .. }) => {
            Err(ProviderError::Transient { message: format!("status {status}"), retry_after })
        }
        Err(bad) => Err(ProviderError::Transient { message: format!("{bad:?}"), retry_after: None }),
    }
}

/// A token, and its end as the application can know it: its own word, or, of a lifetime that it was told, by its own
/// clock, or as it was told.
pub(super) fn handed_on(now: Clocks, token: u32, says: Says) -> Credential {
    let lives = says.life.map(|life| now.unix.saturating_add(life));
    let expiry_at = says.hint.or(lives).or(says.end).map(UnixMillis);
    Credential { token: Secret::new(numbers::token(token)), expiry_at }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Clocks = Clocks { tick: 0, unix: 1_700_000_000_000 };

    fn reply(result: Result<Good, Bad>) -> Reply {
        Reply { result, date: None, foreign: false }
    }

    fn brings(secret: u32) -> Reply {
        reply(Ok(Good::Token { token: 1, says: Says::default(), secret: Some(secret) }))
    }

    #[test]
    fn a_secret_is_presented_by_one_and_its_answer_is_everybodys() {
        let mut application = Application::default();
        assert_eq!(application.refresh(RequestId(1)), Refresh::Asks(None));
        application.learns(&brings(1), false);
        assert_eq!(application.refresh(RequestId(2)), Refresh::Asks(Some(1)));
        assert_eq!(application.refresh(RequestId(3)), Refresh::Waits);
        assert_eq!(application.learns(&brings(2), true), [RequestId(3)]);
        assert_eq!(application.refresh(RequestId(4)), Refresh::Asks(Some(2)));
    }

    #[test]
    fn a_secret_in_doubt_is_not_presented_again() {
        for (bad, refresh) in [(Bad::Broke, Refresh::InDoubt), (Bad::Failed, Refresh::Asks(Some(1)))] {
            let mut application = Application::default();
            application.learns(&brings(1), false);
            application.refresh(RequestId(2));
            application.learns(&reply(Err(bad)), true);
            assert_eq!(application.refresh(RequestId(3)), refresh);
            if refresh == Refresh::InDoubt {
                application.learns(&brings(2), false);
                assert_eq!(application.refresh(RequestId(4)), Refresh::Asks(Some(2)));
            }
        }
        let mut application = Application::default();
        application.learns(&brings(1), false);
        application.refresh(RequestId(2));
        application.restarts();
        assert_eq!(application.refresh(RequestId(3)), Refresh::InDoubt);
    }

    #[test]
    fn only_a_refusal_for_good_is_one() {
        let failure = |bad| credential(NOW, &reply(Err(bad))).unwrap_err();
        assert!(matches!(failure(Bad::Rejected), ProviderError::Rejected(_)));
        let forbidden = failure(Bad::Http { status: 403, own: true, retry_after: Some(5_000) });
        assert!(matches!(forbidden, ProviderError::Transient { retry_after: Some(5_000), .. }));
        assert!(matches!(failure(Bad::Page), ProviderError::Transient { retry_after: None, .. }));
    }

    #[test]
    fn an_end_is_handed_on_as_it_is_known() {
        let end = |says| handed_on(NOW, 1, says).expiry_at.map(|it| it.0);
        assert_eq!(end(Says::default()), None);
        assert_eq!(end(Says { life: Some(60_000), ..Says::default() }), Some(NOW.unix + 60_000));
        let told = Says { life: Some(60_000), end: Some(5), ..Says::default() };
        assert_eq!(end(told), Some(NOW.unix + 60_000));
        assert_eq!(end(Says { end: Some(5), ..Says::default() }), Some(5));
        assert_eq!(end(Says { hint: Some(6), ..told }), Some(6));
    }
}
