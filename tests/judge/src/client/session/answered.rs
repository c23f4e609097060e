//! What the server answers, as it writes it: heads and bodies of HTTP, frames of the socket.

use std::time::{Duration, UNIX_EPOCH};

use satkeeper_core::error::Error;
use satkeeper_core::wire::http::HttpResponse;
use serde_json::{Value, json};

use super::numbers;
use crate::client::{Bad, Good, Reply, Says};

/// What somebody on the way writes, who knows nothing of the API.
const PAGE: &str = "<!DOCTYPE html><html><head><title>Service unavailable</title></head><body><h1>We will be right back\
</h1></body></html>";

/// `Date`, as RFC 9110 has it.
pub(super) fn http_date(ms: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(ms))
}

/// `Retry-After`: whole seconds, none too few.
pub(super) fn seconds_up(ms: u64) -> String {
    ms.div_ceil(1_000).to_string()
}

/// A span or a time in seconds; a fraction only where there is one.
fn seconds(ms: u64) -> Value {
    if ms.is_multiple_of(1_000) { json!(ms / 1_000) } else { json!(ms as f64 / 1_000.0) }
}

/// The answer to an HTTP request; `is_bound`: the token that it speaks of or brings is a client-bound one, of this key.
pub(super) fn http(reply: &Reply, is_bound: Option<&str>) -> Result<HttpResponse, Error> {
    let (status, body, retry_after) = match reply.result {
        Ok(Good::Token { token, says, secret }) => (200, token_body(token, says, secret).to_string(), None),
        Ok(Good::Says(says)) => (200, info(says, is_bound).to_string(), None),
        Ok(_) => (200, "{}".to_owned(), None),
        Err(Bad::Http { status, own: true, retry_after }) => (status, own_error(status), retry_after),
        Err(Bad::Http { status, own: false, retry_after }) => (status, PAGE.to_owned(), retry_after),
        Err(Bad::Page) => (200, PAGE.to_owned(), None),
        // What an application's function says in words, a space says with a status.
        Err(Bad::Failed) => (503, own_error(503), None),
        Err(Bad::Rejected) => (403, own_error(403), None),
        Err(bad) => {
            return Err(Error::Transport { message: format!("the connection was reset ({bad:?})") });
        }
    };
    let kind = if body.starts_with('<') { "text/html; charset=utf-8" } else { "application/json" };
    let mut response = HttpResponse::new(status, body);
    response.set_header("content-type", kind);
    if let Some(date) = reply.date {
        response.set_header("date", &http_date(date));
    }
    if reply.foreign {
        response.set_header("age", "3600");
    }
    if let Some(wait) = retry_after {
        response.set_header("retry-after", &seconds_up(wait));
    }
    Ok(response)
}

fn token_body(token: u32, says: Says, secret: Option<u32>) -> Value {
    let mut body = json!({"token": numbers::token(token)});
    if let Some(life) = says.life {
        body["expires_in"] = seconds(life);
    }
    if let Some(end) = says.end {
        body["expires_at"] = seconds(end);
    }
    if let Some(secret) = secret {
        body["subscriber_id"] = "0e5b7f0a-7b1c-4c53-8c5e-2f6f6c1d9a11".into();
        body["refresh_token"] = numbers::refresh_token(secret).into();
    }
    body
}

/// `subscriber/info`: `sat_claims` only where the token has special capabilities.
fn info(says: Says, is_bound: Option<&str>) -> Value {
    let mut info = json!({"id": "3f1c5e5c-2a4e-4d5e-9d53-8b0c7c8e4c11", "email": "user@example.com"});
    if says.scope == Some(true) || is_bound.is_some() {
        let mut claims = json!({"scope": scopes(says)});
        if let Some(end) = says.end {
            claims["expires_at"] = seconds(end);
        }
        confirm(&mut claims, is_bound);
        info["sat_claims"] = claims;
    }
    info
}

fn scopes(says: Says) -> Value {
    if says.scope == Some(true) { json!(["sat:refresh"]) } else { json!([]) }
}

fn confirm(claims: &mut Value, is_bound: Option<&str>) {
    if let Some(thumbprint) = is_bound {
        claims["cnf"] = json!({"jkt": thumbprint});
    }
}

/// An error in the API's own words (protocol.md 1.6).
fn own_error(status: u16) -> String {
    let words = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        422 => {
            return json!({"errors": [{"type": "validation_error", "code": "token_expired",
                "message": "Token has expired.", "attribute": "refresh_token", "url": "https://judge.test"}]})
            .to_string();
        }
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    };
    json!({"error": words}).to_string()
}

/// What a result of a connect or push is written with.
pub(super) struct Session<'a> {
    /// Names the session's channel.
    pub(super) protocol: &'a str,
    /// The token that is spoken of is a client-bound one, of this key.
    pub(super) is_bound: Option<&'a str>,
}

/// The answer to a request on the socket; `None`: nothing comes over it.
pub(super) fn frame(id: &str, result: Result<Good, Bad>, session: &Session<'_>) -> Option<String> {
    let result = match result {
        Ok(Good::Connected { resumed, says }) => json!({"identity": "3f1c5e5c@judge.test",
            "protocol": session.protocol, "session_restored": resumed, "sessionid": "s", "nodeid": "n",
            "master_nodeid": "m", "authorization": authorization(says, session.is_bound)}),
        // For a subscriber's token there is normally none.
        Ok(Good::Says(says)) if says == Says::default() => json!({}),
        Ok(Good::Says(says)) => json!({"authorization": authorization(says, session.is_bound)}),
        Ok(_) => json!({}),
        // What a success has stands beside the code.
        Err(Bad::Code(code)) => json!({"code": code.to_string(), "message": "Unauthorized",
            "identity": "3f1c5e5c@judge.test", "protocol": session.protocol, "session_restored": true,
            "authorization": authorization(Says::default(), None)}),
        Err(Bad::NoProtocol) => json!({"identity": "3f1c5e5c@judge.test"}),
        Err(Bad::Error(code)) => {
            let error = json!({"code": code, "message": words(code)});
            return Some(json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string());
        }
        Err(_) => return None,
    };
    Some(json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string())
}

fn words(code: i64) -> &'static str {
    match code {
        -32_000 => "Timed out",
        -32_001 => "Protocol version incompatible",
        -32_002 => "Authentication service failed with status ProtocolError, 401 Unauthorized: {}",
        -32_003 => "Requester validation failed",
        -32_004 => "Not available",
        -32_005 => "At capacity, retry later",
        -32_602 => "Invalid params",
        _ => "Internal error",
    }
}

fn authorization(says: Says, is_bound: Option<&str>) -> Value {
    let mut authorization = json!({"jti": "b0f0c7a2-95c0-4d8e-8f0e-30f5a4b5d2a1", "project_id": "project",
        "fabric_subscriber": {"version": 1, "subscriber_id": "3f1c5e5c", "application_id": null,
            "project_id": "project", "space_id": "space"}});
    if let Some(end) = says.end {
        authorization["fabric_subscriber"]["expires_at"] = seconds(end);
    }
    if says.scope.is_some() {
        authorization["scope"] = scopes(says);
    }
    confirm(&mut authorization, is_bound);
    authorization
}

/// A request of the server's.
pub(super) fn pushed(id: u64, method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": format!("server-{id}"), "method": method, "params": params}).to_string()
}

/// The parameters of `signalwire.event` that bring a state to resume with.
pub(super) fn state_event(number: u64) -> Value {
    json!({"event_type": "signalwire.authorization.state", "event_channel": "signalwire", "timestamp": 1.5,
        "params": {"authorization_state": numbers::state(number)}})
}

#[cfg(test)]
mod tests {
    use satkeeper_core::wire::connect::{Confirmation, ConnectResult};
    use satkeeper_core::wire::rest::{Endpoint, SubscriberInfo, TokenReply};
    use satkeeper_core::wire::rpc::{Frame, failing_result};

    use super::*;

    const NOON: u64 = 1_700_049_600_000;
    const JKT: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn reply(result: Result<Good, Bad>) -> Reply {
        Reply { result, date: Some(NOON), foreign: false }
    }

    #[test]
    fn a_token_comes_with_what_is_said_of_it() {
        let says = Says { life: Some(900_500), end: Some(NOON + 900_000), ..Says::default() };
        let response = http(&reply(Ok(Good::Token { token: 7, says, secret: Some(3) })), None).unwrap();
        assert_eq!(response.server_unix_ms(), Some(NOON));
        let token = TokenReply::parse(Endpoint::DeviceToken, &response, &[]).unwrap();
        assert_eq!(numbers::serial(token.token.expose()), Some(7));
        assert_eq!(token.refresh_token.and_then(|it| numbers::secret(it.expose())), Some(3));
        assert_eq!((token.expires_in.ms, token.expires_at.ms), (Some(900_500), Some(NOON + 900_000)));
    }

    #[test]
    fn what_somebody_on_the_way_says_looks_like_it() {
        let bad = Bad::Http { status: 503, own: false, retry_after: Some(1_500) };
        let response = http(&Reply { foreign: true, ..reply(Err(bad)) }, None).unwrap();
        assert_eq!((response.status, response.retry_after.as_deref()), (503, Some("2")));
        assert!(response.body.starts_with(b"<!DOCTYPE html>"));
        let page = http(&reply(Err(Bad::Page)), None).unwrap();
        assert!(page.is_success() && TokenReply::parse(Endpoint::DeviceToken, &page, &[]).is_err());
        let own = http(&reply(Err(Bad::Http { status: 404, own: true, retry_after: None })), None).unwrap();
        assert_eq!(&own.body[..], br#"{"error":"Not Found"}"#);
        assert!(http(&reply(Err(Bad::Broke)), None).is_err());
    }

    #[test]
    fn claims_are_told_of_special_tokens_only() {
        let parse = |says, is_bound| {
            let response = http(&reply(Ok(Good::Says(says))), is_bound).unwrap();
            SubscriberInfo::parse(&response, &[]).unwrap()
        };
        let plain = parse(Says { end: Some(NOON), ..Says::default() }, None);
        assert_eq!((plain.refreshable, plain.expires_at.ms), (Some(false), None));
        let scoped = parse(Says { end: Some(NOON), scope: Some(true), ..Says::default() }, None);
        assert_eq!((scoped.refreshable, scoped.expires_at.ms), (Some(true), Some(NOON)));
        let bound = parse(Says::default(), Some(JKT));
        assert_eq!(bound.confirmation, Confirmation::Thumbprint(JKT.to_owned()));
    }

    fn answer(result: Result<Good, Bad>) -> Option<String> {
        frame("the id", result, &Session { protocol: "signalwire_p", is_bound: None })
    }

    /// The result of a frame.
    fn result(text: &str) -> Value {
        match Frame::parse(text).unwrap() {
            Frame::Success { id: Some(id), result } if id.is("the id") => {
                serde_json::from_str(result.get()).unwrap()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_connect_is_granted_in_one_way_and_refused_in_three() {
        let says = Says { end: Some(NOON), scope: Some(false), ..Says::default() };
        let granted = result(&answer(Ok(Good::Connected { resumed: true, says })).unwrap());
        assert!(failing_result(&granted).is_none());
        let connected = ConnectResult::parse(&granted);
        assert_eq!(connected.protocol.as_deref(), Some("signalwire_p"));
        assert_eq!(connected.session_restored, Some(true));
        assert_eq!(connected.authorization.unwrap().expires_at.ms, Some(NOON));

        let failing = result(&answer(Err(Bad::Code(401))).unwrap());
        assert!(failing_result(&failing).is_some() && failing["protocol"].is_string());
        let half = result(&answer(Err(Bad::NoProtocol)).unwrap());
        assert!(ConnectResult::parse(&half).protocol.is_none());
        let error = answer(Err(Bad::Error(-32_002))).unwrap();
        assert!(matches!(Frame::parse(&error).unwrap(), Frame::Failure { .. }));
        assert_eq!(answer(Err(Bad::Broke)), None);
    }

    #[test]
    fn a_push_normally_tells_nothing() {
        assert_eq!(result(&answer(Ok(Good::Says(Says::default()))).unwrap()), json!({}));
        let says = Says { end: Some(NOON), ..Says::default() };
        let told = result(&answer(Ok(Good::Says(says))).unwrap());
        assert_eq!(told["authorization"]["fabric_subscriber"]["expires_at"], json!(NOON / 1_000));
    }
}
