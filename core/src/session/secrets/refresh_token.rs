//! The one-time secret of a `Subscriber` provider: its rotating refresh token (R12, R34).

use crate::error::Error;
use crate::secret::Secret;
use crate::time::{Millis, Now};

use crate::session::record::{Text, WrittenOneTime};
use crate::session::vocabulary::ids::RequestId;

/// The refresh token lives 5 minutes longer than the 2 hours of its token (seed 003); from then on a new
/// token is created instead.
const FRESH: Millis = 7_200_000;

/// What is kept beside the provider itself.
#[derive(Default)]
pub(crate) struct RefreshToken {
    /// Grows with each provider: what an older one brings late is not the newer one's.
    pub(crate) epoch: u32,
    one_time: Option<OneTime>,
}

struct OneTime {
    secret: Secret,
    /// The request that brought it, and when that was sent.
    request: RequestId,
    sent: Now,
    /// Presented in this request, which has not been answered: it is in doubt.
    presented: Option<RequestId>,
    /// The record says that it will be.
    intended: bool,
}

impl RefreshToken {
    /// From a record. What was about to be presented when it was written is in doubt. No request is newer than the last
    /// one that was made.
    pub(crate) fn restored(written: Option<&WrittenOneTime>, last: RequestId, now: Now) -> Self {
        let one_time = written.map(|written| OneTime {
            secret: written.secret.0.clone(),
            request: RequestId(written.request).min(last),
            sent: Now { tick: now.tick, unix: written.sent },
            presented: written.presented.then_some(RequestId(0)),
            intended: written.presented,
        });
        Self { one_time, ..Self::default() }
    }

    pub(crate) fn written(&self) -> Option<WrittenOneTime> {
        self.one_time.as_ref().map(|it| WrittenOneTime {
            secret: Text(it.secret.clone()),
            request: it.request.0,
            sent: it.sent.unix,
            // An intent stands until there is another secret: whoever finds it must not present this one.
            presented: it.presented.is_some() || it.intended,
        })
    }

    /// It was not presented after all.
    pub(crate) fn withdraw(&mut self, request: RequestId) {
        if self.is_presented(request)
            && let Some(it) = &mut self.one_time
        {
            it.presented = None;
        }
    }

    pub(crate) fn secret(&self) -> Option<&Secret> {
        self.one_time.as_ref().map(|it| &it.secret)
    }

    /// A new provider: the old one's secret is void.
    pub(crate) fn replace(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.one_time = None;
    }

    /// The secret, if it may be presented: young enough by both clocks, and not in doubt.
    pub(crate) fn usable(&self, now: Now) -> Option<&Secret> {
        let it = self.one_time.as_ref()?;
        let by_wall = now.unix.0.saturating_sub(it.sent.unix.0);
        let age = it.sent.tick.until(now.tick).max(by_wall);
        (age < FRESH && it.presented.is_none()).then_some(&it.secret)
    }

    /// The record says that it will be presented in this request.
    pub(crate) fn intended(&mut self, request: RequestId) {
        if self.is_presented(request)
            && let Some(it) = &mut self.one_time
        {
            it.intended = true;
        }
    }

    /// Whether the record says that it will be presented.
    pub(crate) fn is_intended(&self) -> bool {
        self.one_time.as_ref().is_some_and(|it| it.intended)
    }

    /// It goes out now; until the answer it is in doubt.
    pub(crate) fn present(&mut self, request: RequestId) {
        if let Some(it) = &mut self.one_time {
            it.presented = Some(request);
        }
    }

    /// Keeps a new one, however late it comes, unless a newer request has already brought one. Returns
    /// whether it was kept.
    pub(crate) fn keep(&mut self, secret: Secret, request: RequestId, sent: Now) -> bool {
        if self.one_time.as_ref().is_some_and(|it| it.request > request) {
            return false;
        }
        self.one_time = Some(OneTime { secret, request, sent, presented: None, intended: false });
        true
    }

    /// The request that presented it was accepted, or refused for good.
    pub(crate) fn spent(&mut self, request: RequestId) {
        if self.is_presented(request) {
            self.one_time = None;
        }
    }

    /// The answer to presenting it was an error. Returns whether it was refused for good. A refusal of the API's own spends
    /// it; "later" gives it back, and so does a connection that never came to be; anything else leaves it in doubt.
    pub(crate) fn failed(&mut self, request: RequestId, error: &Error) -> bool {
        let http = match error {
            Error::Http(http) => http,
            Error::Unreachable { .. } => {
                self.withdraw(request);
                return false;
            }
            _ => return false,
        };
        match http.status {
            408 | 425 | 429 => {
                self.withdraw(request);
                false
            }
            400..500 if http.own => {
                self.spent(request);
                true
            }
            _ => false,
        }
    }

    /// Whether it is presented in this request, which has not been answered.
    pub(crate) fn is_presented(&self, request: RequestId) -> bool {
        self.one_time.as_ref().is_some_and(|it| it.presented == Some(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::http::HttpResponse;
    use crate::wire::rest::{Endpoint, HttpError};
    use alloc::borrow::ToOwned;

    const SENT: Now = Now::new(0, 1_700_000_000_000);

    fn at(ms: u64) -> Now {
        Now::new(ms, 1_700_000_000_000 + ms)
    }

    fn error(status: u16) -> Error {
        HttpError::of(Endpoint::RefreshSubscriberToken, &HttpResponse::new(status, ""), &[]).into()
    }

    fn source() -> RefreshToken {
        let mut source = RefreshToken::default();
        assert!(source.keep(Secret::new("one"), RequestId(1), SENT));
        source
    }

    #[test]
    fn it_is_presented_only_while_young() {
        // proves R12.8
        let source = source();
        assert!(source.usable(at(7_199_999)).is_some());
        assert!(source.usable(at(7_200_000)).is_none());
        assert!(source.usable(Now::new(1, SENT.unix.0 + 7_200_000)).is_none());
    }

    #[test]
    fn its_age_goes_on_over_a_restart() {
        // proves R12.8, R13.1: the tick begins anew with the process; when it was asked for stands in the record
        let written = source().written();
        for (later, is_usable) in [(0, true), (7_199_999, true), (7_200_000, false)] {
            let now = Now::new(5, SENT.unix.0 + later);
            let restored = RefreshToken::restored(written.as_ref(), RequestId(9), now);
            assert_eq!(restored.usable(now).is_some(), is_usable, "{later}");
        }
        // And in the new process by both clocks.
        let restored =
            RefreshToken::restored(written.as_ref(), RequestId(9), Now::new(5, SENT.unix.0 + 1_000));
        assert!(restored.usable(Now::new(7_200_005, SENT.unix.0)).is_none());
    }

    #[test]
    fn a_presented_one_is_in_doubt_until_answered() {
        // proves R12.5, R12.6, R12.7
        for (status, is_refusal, is_usable, is_spent) in [
            (408, false, true, false),
            (425, false, true, false),
            (429, false, true, false),
            (408, false, true, false),
            (425, false, true, false),
            (500, false, false, false),
            (422, true, false, true),
            (401, true, false, true),
        ] {
            let mut source = source();
            source.present(RequestId(2));
            assert!(source.usable(at(1)).is_none());
            assert_eq!(source.failed(RequestId(2), &error(status)), is_refusal, "{status}");
            assert_eq!(source.usable(at(1)).is_some(), is_usable, "{status}");
            assert_eq!(source.secret().is_none(), is_spent, "{status}");
        }
    }

    #[test]
    fn a_page_spends_nothing() {
        // proves R12.7
        for status in [401, 403, 404] {
            let stored = {
                let mut answer = HttpResponse::new(status, "{}");
                answer.set_header("Age", "3600");
                answer
            };
            for answer in [HttpResponse::new(status, "<html>404</html>"), stored] {
                let mut source = source();
                source.present(RequestId(2));
                let error = HttpError::of(Endpoint::RefreshSubscriberToken, &answer, &[]).into();
                assert!(!source.failed(RequestId(2), &error));
                assert!(source.secret().is_some() && source.usable(at(1)).is_none(), "in doubt");
            }
        }
    }

    #[test]
    fn an_intent_stands_in_the_record_until_there_is_another_secret() {
        // proves R12.2, R12.9
        let mut source = source();
        source.present(RequestId(2));
        source.intended(RequestId(1));
        assert!(!source.is_intended(), "that was another request's");
        source.intended(RequestId(2));
        assert!(!source.failed(RequestId(2), &error(429)));
        assert!(source.usable(at(1)).is_some() && source.is_intended());
        assert!(source.written().is_some_and(|written| written.presented));
        // Another process does not know how far that went.
        let after = RefreshToken::restored(source.written().as_ref(), RequestId(9), SENT);
        assert!(after.usable(at(1)).is_none());
        assert!(source.keep(Secret::new("two"), RequestId(3), SENT));
        assert!(!source.is_intended() && source.written().is_some_and(|written| !written.presented));
    }

    #[test]
    fn what_a_request_brings_is_newer_than_what_a_damaged_record_names() {
        // proves R13.9
        let damaged = source().written().map(|written| WrittenOneTime { request: u64::MAX, ..written });
        let mut after = RefreshToken::restored(damaged.as_ref(), RequestId(7), SENT);
        assert!(after.keep(Secret::new("two"), RequestId(8), SENT));
    }

    #[test]
    fn what_was_never_sent_is_not_spent() {
        // survives W16
        let broken = || "reset".to_owned();
        for (error, is_usable) in [
            (Error::Unreachable { message: broken() }, true),
            (Error::Transport { message: broken() }, false),
            (Error::Timeout { what: "a request".into(), after_ms: 1 }, false),
        ] {
            let mut source = source();
            source.present(RequestId(2));
            assert!(!source.failed(RequestId(2), &error));
            assert_eq!(source.usable(at(1)).is_some(), is_usable, "{error}");
        }
    }

    #[test]
    fn the_newest_is_kept_however_late_it_comes() {
        // proves R12.10
        let mut source = source();
        source.present(RequestId(2));
        assert!(source.keep(Secret::new("three"), RequestId(3), SENT));
        assert!(!source.keep(Secret::new("two"), RequestId(2), SENT));
        assert!(source.secret().is_some_and(|secret| secret.expose() == "three"));
        source.failed(RequestId(2), &error(401));
        assert!(source.usable(at(1)).is_some());
    }
}
