//! What the server of a story writes: bodies, frames, dates.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::asked::{self, BoundTo, End, Good, Grant, What};
use crate::statement::Bad;
use crate::wire;

pub(crate) fn http_date(ms: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(ms))
}

fn written(end: End) -> Value {
    if end.in_milliseconds { end.at.into() } else { (end.at / 1_000).into() }
}

pub(crate) fn granted(grant: &Grant) -> Value {
    let mut body = json!({"token": wire::token(grant.token)});
    if let Some(life) = grant.expires_in {
        body["expires_in"] = (life / 1_000).into();
    }
    if let Some(end) = grant.expires_at {
        body["expires_at"] = written(end);
    }
    if let Some(one_time) = grant.one_time {
        body["refresh_token"] = wire::refresh_token(one_time).into();
    }
    body
}

fn cnf(of: &mut Value, bound_to: BoundTo) {
    match bound_to {
        BoundTo::Nothing => {}
        BoundTo::Ours(algorithm) => of["cnf"] = json!({"jkt": wire::thumbprint(algorithm)}),
        BoundTo::Other => of["cnf"] = json!({"jkt": "A".repeat(43)}),
    }
}

pub(crate) fn info(said: &asked::Said) -> Value {
    if said.end.is_none() && said.bound_to == BoundTo::Nothing && said.scope != Some(true) {
        return json!({"id": "subscriber"});
    }
    let scope = if said.scope == Some(true) { json!(["sat:refresh"]) } else { json!([]) };
    let mut claims = json!({"scope": scope});
    if let Some(end) = said.end {
        claims["expires_at"] = written(end);
    }
    cnf(&mut claims, said.bound_to);
    json!({"id": "subscriber", "sat_claims": claims})
}

pub(crate) fn frame(id: &str, what: &What, result: &Result<Good, Bad>) -> Value {
    match result {
        Ok(Good::Connected { resumed, said }) => json!({"jsonrpc": "2.0", "id": id, "result": {
            "identity": "i", "protocol": "signalwire_p", "session_restored": resumed,
            "authorization": authorization(said)}}),
        Ok(Good::Said(said)) => json!({"jsonrpc": "2.0", "id": id,
            "result": {"authorization": authorization(said)}}),
        // A ping comes back with what it carried.
        Ok(_) => match what {
            What::Ping { timestamp: Some(timestamp), .. } => {
                json!({"jsonrpc": "2.0", "id": id, "result": {"timestamp": timestamp}})
            }
            _ => json!({"jsonrpc": "2.0", "id": id, "result": {}}),
        },
        // What a success has stands beside the code; without a code, nothing of it.
        Err(Bad::Result(code)) => json!({"jsonrpc": "2.0", "id": id, "result": {"code": code.to_string(),
            "message": "no", "identity": "i", "protocol": "signalwire_p", "session_restored": true,
            "authorization": authorization(&asked::Said::default())}}),
        Err(Bad::Malformed) => json!({"jsonrpc": "2.0", "id": id, "result": {"identity": "i"}}),
        Err(bad) => {
            let code = if let Bad::Rpc(code) = bad { *code } else { -32_000 };
            let message = match code {
                -32_002 if !matches!(what, What::Call(..)) => "Authentication failed",
                -32_003 => "Requester validation failed",
                _ => "no",
            };
            json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
        }
    }
}

fn authorization(said: &asked::Said) -> Value {
    let mut authorization = json!({"jti": "j", "project_id": "project", "fabric_subscriber": {}});
    if let Some(end) = said.end {
        authorization["fabric_subscriber"]["expires_at"] = written(end);
    }
    if let Some(scope) = said.scope {
        authorization["scope"] = if scope { json!(["sat:refresh"]) } else { json!([]) };
    }
    cnf(&mut authorization, said.bound_to);
    authorization
}

pub(crate) fn pushed(method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": "of the server", "method": method, "params": params}).to_string()
}
