//! What the session does, as the server sees it: each request and each call with its answer, the verdict on its
//! proof, and the reason why it was made.

use std::collections::BTreeMap;
use std::time::Duration;

use satkeeper::Why;
use satkeeper::core::lifecycle::Wake;
use satkeeper_fixtures::{Seen, What};
use serde_json::Value;

use crate::duration::show;

/// One exchange with the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exchange {
    /// `devices/refresh`, `connect`.
    pub(crate) what: &'static str,
    /// How the server answered.
    pub(crate) answer: String,
    pub(crate) succeeded: bool,
    /// How many of the same kind have failed since the last that succeeded.
    pub(crate) failures_before: u32,
}

/// Pairs requests with their answers and proofs.
#[derive(Default)]
pub(crate) struct ServerView {
    requests: BTreeMap<u64, &'static str>,
    calls: BTreeMap<(u64, String), &'static str>,
    /// The verdict on the last proof for a call, by the server's name of the call.
    proofs: BTreeMap<&'static str, &'static str>,
    failures: BTreeMap<&'static str, u32>,
}

impl ServerView {
    /// The exchange that this record completes.
    pub(crate) fn take(&mut self, seen: &Seen) -> Option<Exchange> {
        match &seen.what {
            What::Request { request, path, .. } => {
                self.requests.insert(*request, endpoint(path)?);
                None
            }
            What::Proof { on, fault, .. } => {
                self.proofs.insert(on, fault.map_or("accepted", |fault| fault.name()));
                None
            }
            What::Response { request, status, .. } => {
                let what = self.requests.remove(request)?;
                let on = match what {
                    "devices/token" => "devices_token",
                    "devices/refresh" => "devices_refresh",
                    _ => "",
                };
                let succeeded = (200..300).contains(status);
                let answer = self.with_proof(status.to_string(), on);
                Some(self.exchange(what, answer, succeeded))
            }
            What::FrameIn { socket, frame } => {
                let what = match frame.get("method")?.as_str()? {
                    "signalwire.connect" if frame["params"]["authorization_state"].is_string() => "resume",
                    "signalwire.connect" => "connect",
                    "signalwire.reauthenticate" => "reauthenticate",
                    _ => return None,
                };
                self.calls.insert((*socket, id(frame)), what);
                None
            }
            What::FrameOut { socket, frame } => {
                let what = self.calls.remove(&(*socket, id(frame)))?;
                let refusal = refusal(frame);
                let on = if what == "connect" { "fresh_connect" } else { what };
                let succeeded = refusal.is_none();
                let answer = refusal.map_or_else(|| "accepted".to_owned(), |code| format!("refused {code}"));
                let answer = self.with_proof(answer, on);
                Some(self.exchange(what, answer, succeeded))
            }
            _ => None,
        }
    }

    fn exchange(&mut self, what: &'static str, answer: String, succeeded: bool) -> Exchange {
        let failures = self.failures.entry(what).or_default();
        let failures_before = *failures;
        *failures = if succeeded { 0 } else { *failures + 1 };
        Exchange { what, answer, succeeded, failures_before }
    }

    fn with_proof(&mut self, answer: String, on: &str) -> String {
        match self.proofs.remove(on) {
            Some("accepted") => format!("{answer}, proof accepted"),
            Some(fault) => format!("{answer}, proof refused: {fault}"),
            None => answer,
        }
    }
}

/// The code with which a reply refuses: an error's, or that of a result which says that it has failed.
fn refusal(frame: &Value) -> Option<String> {
    if let Some(error) = frame.get("error") {
        return Some(error["code"].to_string());
    }
    let code = frame["result"].get("code")?;
    let code = code.as_str().map_or_else(|| code.to_string(), str::to_owned);
    (!code.starts_with('2')).then_some(code)
}

fn id(frame: &Value) -> String {
    frame.get("id").map(ToString::to_string).unwrap_or_default()
}

fn endpoint(path: &str) -> Option<&'static str> {
    Some(match path {
        "/api/fabric/subscriber/devices/token" => "devices/token",
        "/api/fabric/subscriber/devices/refresh" => "devices/refresh",
        "/api/fabric/subscriber/info" => "subscriber/info",
        "/api/fabric/subscribers/tokens" => "subscribers/tokens",
        _ => return None,
    })
}

/// Why something was done: by the deadline that led to it, if that was seen coming, else by what it is for.
/// `why` is the last deadline that was told before, `tick` the time of the session when it was done.
pub(crate) fn reason(what: &str, failures_before: u32, why: Option<&Why>, tick: u64) -> String {
    if failures_before > 0 {
        return format!("again after {} failed, with back-off", attempts(failures_before));
    }
    let led = why.filter(|why| leads_to(why.wake, what) && why.at.0 <= tick.saturating_add(500));
    match led {
        Some(Why { lead: Some(lead), jitter: Some(jitter), .. }) => {
            format!("due: {} (lead) + {} (jitter) before its end", ms(*lead), ms(*jitter))
        }
        _ => purpose(what).to_owned(),
    }
}

fn attempts(failures: u32) -> String {
    if failures == 1 { "1 attempt that".to_owned() } else { format!("{failures} attempts that") }
}

fn ms(ms: u64) -> String {
    show(Duration::from_millis(ms))
}

const fn leads_to(wake: Wake, what: &str) -> bool {
    match wake {
        Wake::Renew => matches!(what.as_bytes(), b"devices/refresh"),
        Wake::Activate => matches!(what.as_bytes(), b"devices/token"),
        Wake::Refresh => matches!(what.as_bytes(), b"refresh()"),
        _ => false,
    }
}

fn purpose(what: &str) -> &'static str {
    match what {
        "authenticate()" => "a session begins with a token",
        "refresh()" => "the base token has to be renewed by the provider",
        "subscriber/info" => "what can this token do?",
        "devices/token" => "the token has `sat:refresh`: exchange it for one that is bound to the key",
        "devices/refresh" => "the bound token has to be renewed",
        "connect" => "no session yet",
        "resume" => "the socket was lost: take the session up again",
        "reauthenticate" => "a new token takes effect on the live socket",
        _ => "",
    }
}

/// The deadline that comes next, in words.
pub(crate) fn next(why: &Why, tick: u64) -> String {
    let what = match why.wake {
        Wake::Renew => "renew the bound token",
        Wake::Refresh => "renew through the provider",
        Wake::Activate => "exchange for a bound token",
        Wake::Mint => "mint",
        Wake::Inspect => "ask what the token can do",
        Wake::Expiring => "warn that the credential is expiring",
        Wake::Hopeless => "say that no token can be used any more",
        Wake::GiveUp => "give up",
        Wake::Push => "push a token",
        Wake::Show => "show a token that was not accepted to a new socket",
        Wake::Open => "open a socket",
        Wake::Part => "close the socket that was replaced",
        Wake::Stable => "the connection counts as stable",
        Wake::Deadline(_) => "an answer is due",
        Wake::TokenEnds => "a token ends",
        Wake::Vain => "say that nobody can renew to who waits for it",
        Wake::Pending => "say to who waits that it is not done yet",
        Wake::ReachOut => "ask whether anybody can be reached",
        Wake::Fallback => "say who renews instead",
        Wake::NoMechanism => "say that nobody can renew",
        Wake::MakeKey => "make a key",
        Wake::Persist => "write the record",
        Wake::Farewell => "tell the last event",
        other => other.name(),
    };
    let numbers = match why {
        Why {
            lead: Some(lead),
            jitter: Some(jitter),
            renew_by: Some(end),
            wake: Wake::Renew | Wake::Refresh,
            ..
        } => format!(
            ": {} (lead) + {} (jitter) before its end in {}",
            ms(*lead),
            ms(*jitter),
            ms(end.0.saturating_sub(tick))
        ),
        _ => String::new(),
    };
    format!("{what} in {}{numbers}", ms(why.at.0.saturating_sub(tick)))
}

#[cfg(test)]
mod tests {
    use super::{ServerView, reason};
    use satkeeper::core::lifecycle::Wake;
    use satkeeper::{Tick, Why};
    use satkeeper_fixtures::{Seen, What};
    use serde_json::json;

    fn seen(what: What) -> Seen {
        Seen { n: 1, ms: 0, what }
    }

    #[test]
    fn an_answer_completes_its_request() {
        let mut view = ServerView::default();
        let request = What::Request {
            request: 7,
            method: "POST".to_owned(),
            path: "/api/fabric/subscriber/devices/refresh".to_owned(),
            host: String::new(),
            authorization: None,
            body: json!({}),
        };
        assert!(view.take(&seen(request)).is_none());
        let answer = What::Response { request: 7, status: 503, body: json!({}) };
        let exchange = view.take(&seen(answer.clone())).unwrap();
        assert_eq!(
            (exchange.what, exchange.answer.as_str(), exchange.succeeded),
            ("devices/refresh", "503", false)
        );
        assert!(view.take(&seen(answer)).is_none());
    }

    #[test]
    fn a_reply_completes_its_call() {
        let mut view = ServerView::default();
        let call =
            json!({"id": "a", "method": "signalwire.connect", "params": {"authorization_state": "tok:1"}});
        assert!(view.take(&seen(What::FrameIn { socket: 1, frame: call })).is_none());
        let other = json!({"id": "a", "result": {}});
        assert!(view.take(&seen(What::FrameOut { socket: 2, frame: other.clone() })).is_none());
        let exchange = view.take(&seen(What::FrameOut { socket: 1, frame: other })).unwrap();
        assert_eq!(
            (exchange.what, exchange.answer.as_str(), exchange.succeeded),
            ("resume", "accepted", true)
        );
    }

    #[test]
    fn a_result_may_say_that_it_has_failed() {
        let mut view = ServerView::default();
        for (reply, answer) in [
            (json!({"result": {"code": "401", "message": "no"}}), "refused 401"),
            (json!({"result": {"code": 200}}), "accepted"),
            (json!({"error": {"code": -32002}}), "refused -32002"),
        ] {
            let call = json!({"id": "a", "method": "signalwire.reauthenticate", "params": {}});
            assert!(view.take(&seen(What::FrameIn { socket: 1, frame: call })).is_none());
            let mut frame = reply;
            frame["id"] = json!("a");
            let exchange = view.take(&seen(What::FrameOut { socket: 1, frame })).unwrap();
            assert_eq!((exchange.answer.as_str(), exchange.succeeded), (answer, answer == "accepted"));
        }
    }

    #[test]
    fn a_reason_is_a_deadline_or_a_purpose() {
        let mut why = Why::new(Tick(4_600), Wake::Renew);
        why.renew_by = Some(Tick(12_000));
        (why.lead, why.jitter) = (Some(6_000), Some(1_400));
        assert_eq!(
            reason("devices/refresh", 0, Some(&why), 4_610),
            "due: 6.0 s (lead) + 1.4 s (jitter) before its end"
        );
        assert_eq!(reason("devices/refresh", 0, Some(&why), 3_000), "the bound token has to be renewed");
        assert_eq!(reason("resume", 0, Some(&why), 4_610), "the socket was lost: take the session up again");
        assert_eq!(
            reason("devices/refresh", 2, Some(&why), 4_610),
            "again after 2 attempts that failed, with back-off"
        );
    }
}
