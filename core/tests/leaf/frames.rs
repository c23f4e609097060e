//! JSON-RPC frames, connect, reauthenticate and what the server asks.

use satkeeper_core::error::Error;
use satkeeper_core::secret::Secret;
use satkeeper_core::wire::connect::{self, Confirmation, Connect, ConnectResult, Interests, ResumeState};
use satkeeper_core::wire::json;
use satkeeper_core::wire::push::{self, Push, acknowledge, ping, pong};
use satkeeper_core::wire::reauthenticate::{Reauthenticate, ReauthenticateResult};
use satkeeper_core::wire::rpc::{
    Frame, FrameError, Id, MAX_FRAME, RpcError, business_code, failing_result, failure, is_auth_refusal,
    request, success,
};
use satkeeper_core::wire::time::{Oddity, Parsed};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

const JKT: &str = "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U";

fn id(json: &str) -> Id {
    match Frame::parse(&format!(r#"{{"id":{json},"method":"m"}}"#)) {
        Ok(Frame::Request { id: Some(id), .. }) => id,
        _ => panic!("{json} is no id"),
    }
}

fn raw(value: &Value) -> Box<RawValue> {
    to_raw_value(value).unwrap()
}

fn pushed(method: &str, params: &Value) -> Push {
    Push::of(method, &raw(params))
}

#[test]
fn the_three_kinds_of_frame() {
    let Ok(Frame::Request { id, method, params }) =
        Frame::parse(r#" {"jsonrpc":"2.0","id":"a","method":"m","params":{"x":[1]}}"#)
    else {
        panic!()
    };
    let params = params.get();
    assert_eq!((id.unwrap().text().as_deref(), method.as_str(), params), (Some("a"), "m", r#"{"x":[1]}"#));
    let Ok(Frame::Success { id, result }) =
        Frame::parse(r#"{"jsonrpc":"2.0","id":"a","result":{"code":"200"}}"#)
    else {
        panic!()
    };
    assert!(id.unwrap().is("a"));
    assert_eq!(business_code(&json::whole(result)), Some(200));
    let Ok(Frame::Failure { id, error }) =
        Frame::parse(r#"{"id":"a","error":{"code":-32002,"message":"CALL ERROR","data":{"x":1}}}"#)
    else {
        panic!()
    };
    assert!(id.unwrap().is("a"));
    let error = RpcError::parse(error);
    assert_eq!(
        (error.code, error.message.as_str(), error.data),
        (-32002, "CALL ERROR", Some(json!({"x":1})))
    );
}

// proves R36.7
#[test]
fn frames_are_read_leniently() {
    let is_request = |text| matches!(Frame::parse(text), Ok(Frame::Request { .. }));
    assert!(is_request(r#"{"method":"m"}"#));
    assert!(is_request(r#"{"jsonrpc":2,"id":{},"method":"m","params":null,"error":null}"#));
    assert!(is_request(r#"{"id":[1],"method":"m","extra":1}"#));
    assert!(Frame::parse(r#"{"id":{},"method":"m"}"#).is_ok_and(|frame| frame.id().is_none()));
    assert!(Frame::parse(r#"{"id":null,"method":"m"}"#).is_ok_and(|frame| frame.id().is_none()));
    assert!(Frame::parse(r#"{"id":true,"method":"m"}"#).is_ok_and(|frame| frame.id().is_none()));
    // `null` is a result; both result and error is a failure; `error: null` is none.
    assert!(matches!(Frame::parse(r#"{"id":1,"result":null}"#), Ok(Frame::Success { .. })));
    assert!(matches!(Frame::parse(r#"{"id":1,"result":{},"error":{}}"#), Ok(Frame::Failure { .. })));
    assert!(matches!(Frame::parse(r#"{"id":1,"result":{},"error":null}"#), Ok(Frame::Success { .. })));
    let error = |text: &str| match Frame::parse(&format!(r#"{{"id":1,"error":{text}}}"#)) {
        Ok(Frame::Failure { error, .. }) => {
            let error = RpcError::parse(error);
            (error.code, error.message, error.data)
        }
        _ => panic!("{text}"),
    };
    assert_eq!(error("{}"), (-32603, String::new(), None));
    assert_eq!(error(r#"{"code":"-32003","message":7}"#), (-32003, String::new(), None));
    assert_eq!(error(r#"{"code":1e99,"message":"m","data":null}"#), (-32603, "m".to_owned(), None));
    assert_eq!(error(r#""text""#), (-32603, "text".to_owned(), None));
    assert_eq!(error("[1]"), (-32603, String::new(), Some(json!([1]))));
}

// proves R32.8, R36.1, R36.8
#[test]
fn what_is_no_frame_is_dropped_with_a_reason_that_repeats_nothing() {
    for bad in [
        "",
        "CANARY",
        "\"CANARY\"",
        "[\"CANARY\"]",
        "[\"CANARY\",\"m\",{},null,null]",
        "[]",
        "null",
        "{\"CANARY\"",
        "{\"id\":1,\"id\":\"CANARY\",\"method\":\"m\"}",
        "{\"method\":\"CANARY\"} CANARY",
        "{\"id\":\"CANARY\"}",
        "{\"id\":1,\"method\":{\"CANARY\":1}}",
        "{}",
    ] {
        let Err(error) = Frame::parse(bad) else { panic!("{bad}") };
        assert!(!format!("{error} {error:?}").contains("CANARY"), "{error}");
    }
    let deep = format!("{{\"method\":\"m\",\"params\":{}{}}}", "[".repeat(200), "]".repeat(200));
    assert!(matches!(Frame::parse(&deep), Err(FrameError::NotJson { .. })));
    let frame = |length: usize| format!("{{\"method\":\"{}\"}}", "m".repeat(length - 13));
    assert!(Frame::parse(&frame(MAX_FRAME)).is_ok());
    assert!(matches!(Frame::parse(&frame(MAX_FRAME + 1)), Err(FrameError::TooLarge { length: 1_048_577 })));
}

// proves R32.5
#[test]
fn ids_are_echoed_exactly() {
    for verbatim in
        ["\"a\"", "\"\\u0061\\\"\"", "1", "-1", "1.0", "1e5", "123456789012345678901234567890", "\"\""]
    {
        let id = id(verbatim);
        assert_eq!(acknowledge(&id), format!(r#"{{"jsonrpc":"2.0","id":{verbatim},"result":{{}}}}"#));
    }
    assert!(id("\"\\u0061\"").is("a") && !id("1").is("1"));
    assert_eq!(
        failure(&id("7"), -32601, "unknown \"method\""),
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"unknown \"method\""}}"#
    );
    assert_eq!(success(&id("7"), &json!([1])), r#"{"jsonrpc":"2.0","id":7,"result":[1]}"#);
    let ours = request("u\"1", "m", &json!({"a": 1}));
    assert_eq!(ours.expose(), r#"{"jsonrpc":"2.0","id":"u\"1","method":"m","params":{"a":1}}"#);
}

// proves R32.1
#[test]
fn connect_has_the_official_client_s_members_in_its_order() {
    let (token, proof) = (Secret::new("T"), Secret::new("P"));
    let nothing = Interests::default();
    let fresh = Connect {
        id: "U",
        jwt_token: &token,
        dpop_token: Some(&proof),
        resume: None,
        agent: connect::AGENT,
        interests: &nothing,
    };
    let start = r#"{"jsonrpc":"2.0","id":"U","method":"signalwire.connect","params":{"version":{"major":4,"minor":0,"revision":0},"event_acks":true,"authentication":{"jwt_token":"T"},"agent":"satkeeper/0.1.0","contexts":[],"eventing":[],"topics":[]"#;
    assert_eq!(fresh.frame().expose(), format!(r#"{start},"dpop_token":"P"}}}}"#));
    let resume = ResumeState { authorization_state: Secret::new("S:t"), protocol: "signalwire_x".to_owned() };
    let resumed = Connect { resume: Some(&resume), ..fresh };
    assert_eq!(
        resumed.frame().expose(),
        format!(r#"{start},"dpop_token":"P","authorization_state":"S:t","protocol":"signalwire_x"}}}}"#)
    );
    let word = |word: &str| vec![word.to_owned()];
    let interests = Interests { contexts: word("office"), eventing: word("e"), topics: word("t") };
    let interested = Connect { interests: &interests, ..fresh };
    assert!(interested.frame().expose().contains(r#""contexts":["office"],"eventing":["e"],"topics":["t"]"#));
    let bare = Connect { dpop_token: None, ..fresh };
    assert_eq!(bare.frame().expose(), format!("{start}}}}}"));
}

#[test]
fn reauthenticate_has_the_official_client_s_members_in_its_order() {
    let (token, proof) = (Secret::new("T"), Secret::new("P"));
    let frame = Reauthenticate { id: "U", project: "", jwt_token: &token, dpop_token: Some(&proof) }.frame();
    assert_eq!(
        frame.expose(),
        r#"{"jsonrpc":"2.0","id":"U","method":"signalwire.reauthenticate","params":{"authentication":{"project":"","jwt_token":"T"},"dpop_token":"P"}}"#
    );
    let frame = Reauthenticate { id: "U", project: "p", jwt_token: &token, dpop_token: None }.frame();
    assert!(frame.expose().ends_with(r#""params":{"authentication":{"project":"p","jwt_token":"T"}}}"#));
}

// proves R17.4
#[test]
fn a_connect_result_is_read() {
    let result = ConnectResult::parse(&json!({
        "session_restored": false, "identity": "i@x", "protocol": "signalwire_x", "ice_servers": [],
        "authorization": {"jti": "j", "project_id": "p", "scope": ["a", "sat:refresh"], "cnf": {"jkt": JKT},
            "fabric_subscriber": {"version": 1, "expires_at": 1_795_231_753, "subscriber_id": "s"}},
    }));
    assert_eq!(result.protocol.as_deref(), Some("signalwire_x"));
    assert_eq!((result.identity.as_deref(), result.session_restored), (Some("i@x"), Some(false)));
    let authorization = result.authorization.unwrap();
    assert_eq!(authorization.project_id.as_deref(), Some("p"));
    assert_eq!(authorization.refreshable, Some(true));
    assert_eq!(authorization.confirmation, Confirmation::Thumbprint(JKT.to_owned()));
    assert_eq!(authorization.expires_at, Parsed { ms: Some(1_795_231_753_000), oddity: None });
}

// proves R36.7
#[test]
fn an_authorization_may_be_anything() {
    let of =
        |authorization: Value| ConnectResult::parse(&json!({ "authorization": authorization })).authorization;
    for no_object in [json!(null), json!([]), json!("x"), json!(1)] {
        assert_eq!(of(no_object), None);
    }
    for (scope, expected) in [
        (json!("sat:refresh"), Some(true)),
        (json!("x sat:refresh"), Some(true)),
        (json!("sat:refreshed"), Some(false)),
        (json!(["sat:refreshed", 1]), Some(false)),
        (json!([]), Some(false)),
        (json!(""), Some(false)),
        (json!(null), None),
        (json!(7), None),
        (json!({"sat:refresh": true}), None),
    ] {
        assert_eq!(of(json!({ "scope": scope })).unwrap().refreshable, expected, "{scope}");
    }
    assert_eq!(of(json!({})).unwrap().refreshable, None);
    for (cnf, expected) in [
        (json!(null), Confirmation::None),
        (json!({}), Confirmation::Unknown),
        (json!("x"), Confirmation::Unknown),
        (json!({"jkt": 7}), Confirmation::Unknown),
        (json!({"jkt": "short"}), Confirmation::Unknown),
    ] {
        assert_eq!(of(json!({ "cnf": cnf })).unwrap().confirmation, expected, "{cnf}");
    }
    assert_eq!(of(json!({})).unwrap().confirmation, Confirmation::None);
    let expires_at =
        |value: Value| of(json!({"fabric_subscriber": {"expires_at": value}})).unwrap().expires_at;
    assert_eq!(expires_at(json!("1795231753")).oddity, Some(Oddity::Text));
    assert_eq!(expires_at(json!({})), Parsed { ms: None, oddity: Some(Oddity::Unusable) });
    assert_eq!(of(json!({"fabric_subscriber": 7})).unwrap().expires_at, Parsed::ABSENT);
}

// survives W7
// proves R21.1
#[test]
fn a_result_without_a_code_or_with_2xx_reports_no_failure() {
    for good in [
        json!({}),
        json!(null),
        json!([{"code": 401}]),
        json!({"code": 200}),
        json!({"code": 200.0}),
        json!({"code": "201"}),
        json!({"code": " 299 "}),
        // What can not be read is as if absent.
        json!({"code": null}),
        json!({"code": ""}),
        json!({"code": true}),
        json!({"code": {"code": 401}}),
        json!({"code": [401]}),
    ] {
        assert!(failing_result(&good).is_none(), "{good}");
    }
    for (bad, code, message) in [
        (json!({"code": 403}), 403, ""),
        (json!({"code": "403", "message": "Forbidden"}), 403, "Forbidden"),
        (json!({"code": 401.0}), 401, ""),
        (json!({"code": 199}), 199, ""),
        (json!({"code": "300", "message": 7}), 300, ""),
        (json!({"code": -1}), -1, ""),
        (json!({"code": "-32002"}), -32_002, ""),
        (json!({"code": 0}), 0, ""),
        (json!({"code": 200.5}), -32_603, ""),
        (json!({"code": 1e300}), -32_603, ""),
        (json!({"code": u64::MAX}), -32_603, ""),
        (json!({"code": "AUTH_REQUIRED"}), -32_603, "AUTH_REQUIRED"),
        (json!({"code": "AUTH_REQUIRED", "message": "log in", "protocol": "p"}), -32_603, "log in"),
    ] {
        let failure = failing_result(&bad).map(|it| (it.code, it.message, it.data));
        assert_eq!(failure, Some((code, message.to_owned(), None)), "{bad}");
    }
    let with = failing_result(&json!({"code": "401", "data": {"x": 1}})).and_then(|it| it.data);
    assert_eq!(with, Some(json!({"x": 1})));
    let with = ReauthenticateResult::parse(&json!({"authorization": {"project_id": "p"}}));
    assert_eq!(with.authorization.unwrap().project_id.as_deref(), Some("p"));
}

// proves R32.4: both members of a ping come back unchanged, whatever the payload is.
#[test]
fn a_pong_repeats_the_payload_of_its_ping() {
    for payload in [json!("p-1"), json!({"a": [1, null, "\u{feff}"]}), json!([]), json!(1.5), json!(null)] {
        let params = json!({"timestamp": 7.25, "payload": payload});
        let Push::Ping { timestamp, payload } = pushed("signalwire.ping", &params) else { panic!() };
        let pong = pong(&id("\"p\""), timestamp.as_ref(), payload.as_deref());
        let pong: Value = serde_json::from_str(&pong).unwrap();
        assert_eq!(pong["result"], params);
    }
}

// proves R32.4, R32.6
#[test]
fn what_the_server_asks_is_sorted() {
    let ping_ = pushed("signalwire.ping", &json!({"timestamp": 1_795_231_753.125}));
    assert_eq!(ping_.server_unix_ms(), Some(1_795_231_753_125));
    let Push::Ping { timestamp, payload: None } = ping_ else { panic!() };
    assert_eq!(
        pong(&id("\"p\""), timestamp.as_ref(), None),
        r#"{"jsonrpc":"2.0","id":"p","result":{"timestamp":1795231753.125}}"#
    );
    let Push::Ping { timestamp: None, payload: None } = pushed("signalwire.ping", &Value::Null) else {
        panic!()
    };
    assert_eq!(pong(&id("\"p\""), None, None), r#"{"jsonrpc":"2.0","id":"p","result":{}}"#);
    let odd = pushed("signalwire.ping", &json!({"timestamp": {}}));
    assert!(matches!(odd, Push::Ping { timestamp: None, .. }));

    let state = |params: Value| match pushed("signalwire.event", &params) {
        Push::Event { authorization_state } => authorization_state.map(|it| it.expose().to_owned()),
        _ => panic!(),
    };
    let event = "signalwire.authorization.state";
    assert_eq!(
        state(json!({"event_type": event, "params": {"authorization_state": "S:t"}})).as_deref(),
        Some("S:t")
    );
    for nothing in [
        json!({"event_type": event, "params": {"authorization_state": ""}}),
        json!({"event_type": event, "params": {"authorization_state": 7}}),
        json!({"event_type": event, "params": []}),
        json!({"event_type": event}),
        json!({"event_type": "call.state", "params": {"authorization_state": "S:t"}}),
        json!({"params": {"authorization_state": "S:t"}}),
        json!(null),
    ] {
        assert_eq!(state(nothing.clone()), None, "{nothing}");
    }

    let restart = |params: Value| {
        matches!(pushed("signalwire.disconnect", &params), Push::Disconnect { restart: true })
    };
    assert!(restart(json!({"restart": true})));
    assert!(
        !restart(json!({"restart": false})) && !restart(json!({})) && !restart(json!({"restart": "yes"}))
    );
    assert!(matches!(pushed("signalwire.whatever", &json!({})), Push::Other));
}

#[test]
fn our_ping_carries_seconds_with_a_fraction() {
    assert_eq!(
        ping("U", 1_795_231_753_125).expose(),
        r#"{"jsonrpc":"2.0","id":"U","method":"signalwire.ping","params":{"timestamp":1795231753.125}}"#
    );
}

// proves R24.1
#[test]
fn a_refused_credential_is_told_from_a_refused_call() {
    let auth = "Authentication service failed with status ProtocolError, 401 Unauthorized: {}";
    for (code, message, data, expected) in [
        (-32003, "Requester validation failed", None, true),
        (-32003, "", None, true),
        (-32002, auth, None, true),
        (-32002, "authentication failed", None, true),
        (-32002, "Unauthorized", None, true),
        (-32002, "refused", Some(json!({"signalwire_error_code": "AUTH_REQUIRED"})), true),
        (-32002, "refused", Some(json!({"type": "authentication_error"})), true),
        (-32002, "CALL ERROR", Some(json!({"cause": "INVALID_MSG_UNSPECIFIED"})), false),
        (-32002, "CALL DOES NOT EXIST", None, false),
        (-32002, "Call does not exist", Some(json!("authentication")), false),
        (-32002, "", None, false),
        (-32002, "something else", Some(json!({"x": 1})), false),
        (-32602, auth, None, false),
        (-32603, auth, None, false),
        (401, auth, None, false),
    ] {
        assert_eq!(is_auth_refusal(code, message, data.as_ref()), expected, "{code} {message} {data:?}");
    }
}

// proves R36.2
#[test]
fn an_rpc_error_repeats_no_token() {
    let token = Secret::new("CANARY-token");
    let raw = RpcError {
        code: -32002,
        message: format!("bad CANA\u{0}RY-token \u{1b}[31m{}", "xxx ".repeat(500)),
        data: Some(json!({"jwt_token": "CANARY-token", "other": "eyJhbGciOiJkaXIi.x.y"})),
    };
    let error = raw.to_error(&[&token]);
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("CANARY") && !shown.contains("eyJ") && !shown.contains('\u{1b}'), "{shown}");
    let Error::Rpc { code: -32002, message, data: Some(data) } = error else { panic!() };
    assert!(message.starts_with("bad [redacted] [31mxxx xxx") && message.chars().count() == 257, "{message}");
    assert_eq!(data, r#"{"jwt_token":"[redacted]","other":"[redacted]"}"#);
}

// survives W16
#[test]
fn a_byte_order_mark_before_a_frame_is_skipped() {
    let frame = Frame::parse("\u{feff}{\"jsonrpc\": \"2.0\", \"id\": \"1\", \"result\": {}}").ok().unwrap();
    assert!(matches!(frame, Frame::Success { .. }));
    assert!(Frame::parse("\u{feff}").is_err());
}

// survives W1
#[test]
fn what_is_read_of_a_frame_is_what_is_asked() {
    let object = raw(&json!({"a": {"b": "c\u{e9}\n"}, "n": 1.5, "x": [1, {"y": 2}]}));
    let inner = json::member(&object, "a").unwrap();
    assert_eq!(json::text(json::member(inner, "b")).as_deref(), Some("c\u{e9}\n"));
    assert_eq!(json::scalar(json::member(&object, "n")), Some(json!(1.5)));
    assert_eq!(json::scalar(json::member(&object, "x")), None);
    assert_eq!(json::text(json::member(&object, "n")), None);
    assert_eq!(json::whole(&object), json::glance(&object));
    for other in ["[]", "1", "null", "\"a\""] {
        let other: Box<RawValue> = serde_json::from_str(other).unwrap();
        assert!(json::member(&other, "a").is_none(), "{other}");
    }
    // A name may be written with escapes; of two the last counts, as in a value.
    let twice: Box<RawValue> = serde_json::from_str(r#"{"a":1,"\u0061":2}"#).unwrap();
    assert_eq!(json::scalar(json::member(&twice, "a")), Some(json!(2)));
    assert!(push::is_state_event(&raw(&json!({"event_type": "signalwire.authorization.state"}))));
}

// survives W1
#[test]
fn a_glance_ends_after_so_many_values() {
    let many = format!("[{}\"last\"]", "{\"\":0},".repeat(json::MOST_VALUES));
    let raw: Box<RawValue> = serde_json::from_str(&many).unwrap();
    let Value::Array(items) = json::glance(&raw) else { panic!() };
    assert!(items.len() >= json::MOST_VALUES / 4 && items.len() <= json::MOST_VALUES, "{}", items.len());
    let outside = format!("{{\"a\":{many},\"b\":1}}");
    let raw: Box<RawValue> = serde_json::from_str(&outside).unwrap();
    assert!(json::glance(&raw)["a"].is_array() && json::glance(&raw)["b"].is_null());
}

// proves R36.7: what is kept as text can be read whenever somebody wants to
#[test]
fn a_frame_is_judged_as_strictly_as_if_it_were_read_in_full() {
    let frame = |params: &str| format!("{{\"method\":\"m\",\"params\":{params}}}");
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for params in [
        "1e999",
        r#""\ud800""#,
        r#""\x""#,
        "[1,]",
        "{\"a\":01}",
        r#"{"\ud800":1}"#,
        &deep(200),
        "nul",
        "\"\u{1}\"",
    ] {
        let frame = frame(params);
        assert!(serde_json::from_str::<Value>(&frame).is_err(), "{params}");
        assert!(matches!(Frame::parse(&frame), Err(FrameError::NotJson { .. })), "{params}");
    }
    for params in ["-0.0", "18446744073709551616", r#""\ud83d\ude00""#, &deep(100), "[ 1 , 2 ]", "null"] {
        let frame = frame(params);
        let Ok(Frame::Request { params: read, .. }) = Frame::parse(&frame) else { panic!("{params}") };
        assert_eq!(json::whole(read), serde_json::from_str::<Value>(params).unwrap());
    }
}
