//! No parser panics, whatever it is given (R36), and nothing that it keeps is unbounded.

use proptest::prelude::*;
use satkeeper_core::dpop::{ProofKey, es256_from_der, jti_from};
use satkeeper_core::secret::Secret;
use satkeeper_core::wire::connect::ConnectResult;
use satkeeper_core::wire::http::HttpResponse;
use satkeeper_core::wire::push::Push;
use satkeeper_core::wire::reauthenticate::ReauthenticateResult;
use satkeeper_core::wire::rest::{Endpoint, HttpError, SubscriberInfo, TokenReply};
use satkeeper_core::wire::routing::Routing;
use satkeeper_core::wire::rpc::{Frame, RpcError};
use satkeeper_core::wire::sat::SatHeader;
use satkeeper_core::wire::text::{Cleaner, MAX_TEXT, SHORTEST_PART};
use satkeeper_core::wire::time::{
    LAST_UNIX_MS, LONGEST_LIFETIME_MS, Unit, absolute, http_date, lifetime, retry_after,
};
use satkeeper_core::wire::url::{Plain, SecureUrl};
use serde_json::{Value, json};

/// The members that any parser looks at.
const MEMBERS: [&str; 30] = [
    "jsonrpc",
    "id",
    "method",
    "params",
    "result",
    "error",
    "code",
    "message",
    "data",
    "token",
    "refresh_token",
    "subscriber_id",
    "expires_at",
    "expires_in",
    "sat_claims",
    "scope",
    "cnf",
    "jkt",
    "authorization",
    "project_id",
    "fabric_subscriber",
    "protocol",
    "identity",
    "session_restored",
    "errors",
    "type",
    "attribute",
    "authorization_state",
    "event_type",
    "timestamp",
];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[0-9]{0,24}(\\.[0-9]{0,5})?".prop_map(Value::from),
        Just(json!("sat:refresh")),
        Just(json!("signalwire.authorization.state")),
    ]
}

/// JSON whose members are those that parsers look for, with anything in them.
fn json_value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 48, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(&MEMBERS[..]), inner), 0..8).prop_map(|members| {
                Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

fn every_json_parser(value: &Value) {
    ConnectResult::parse(value);
    ReauthenticateResult::parse(value);
    for method in ["signalwire.ping", "signalwire.event", "signalwire.disconnect", "x"] {
        Push::of(method, &serde_json::value::to_raw_value(value).unwrap()).server_unix_ms();
    }
    for documented in [Unit::Seconds, Unit::Milliseconds] {
        assert!(absolute(Some(value), documented).ms.is_none_or(|ms| ms <= LAST_UNIX_MS));
    }
    assert!(lifetime(Some(value)).ms.is_none_or(|ms| ms <= LONGEST_LIFETIME_MS));
}

fn every_body_parser(status: u16, body: &[u8]) {
    let response = HttpResponse::new(status, body);
    drop(TokenReply::parse(Endpoint::DeviceRefresh, &response, &[]));
    drop(SubscriberInfo::parse(&response, &[]));
    let error = HttpError::of(Endpoint::EmbedToken, &response, &[]);
    assert!(error.message.is_none_or(|it| it.chars().count() <= MAX_TEXT + 1));
}

proptest! {
    // proves R36.7
    #[test]
    fn any_json_is_parsed(value in json_value(), status in prop_oneof![Just(200_u16), any::<u16>()]) {
        every_json_parser(&value);
        let text = value.to_string();
        every_body_parser(status, text.as_bytes());
        if let Ok(Frame::Failure { error, .. }) = Frame::parse(&text) {
            let error = RpcError::parse(error);
            error.is_auth_refusal();
            let shown = error.to_error(&[]).to_string();
            prop_assert!(shown.chars().count() < MAX_TEXT + 100);
        }
    }

    // proves R36.7
    #[test]
    fn any_bytes_are_parsed(bytes in prop::collection::vec(any::<u8>(), 0..512), status in any::<u16>()) {
        every_body_parser(status, &bytes);
        let _ = es256_from_der(&bytes);
        let _ = ProofKey::es256_from_pkcs8_der(&bytes);
        let _ = Frame::parse(&String::from_utf8_lossy(&bytes));
    }

    // proves R36.7
    #[test]
    fn any_text_is_parsed(text in any::<String>(), now in any::<u64>()) {
        let _ = SatHeader::decode(&Secret::new(text.clone()));
        let _ = Routing::from_ch(Some(&text));
        let _ = ProofKey::es256_from_pkcs8_pem(&text);
        http_date(&text);
        retry_after(&text, now);
        let mut response = HttpResponse::new(401, text.clone());
        for name in ["date", "retry-after", "dpop-nonce", "www-authenticate"] {
            response.set_header(name, &text);
        }
        HttpError::of(Endpoint::GuestToken, &response, &[]);
    }

    /// What looks like a date, a URL or a host with something wrong in it.
    #[test]
    fn near_misses_are_parsed(
        date in "(Mon|Sunday), ?[0-9]{1,3}[ -][JFMASOND][a-z]{2}[ -][0-9]{1,5} [0-9:]{0,9} GMT",
        iso in "[0-9]{1,5}-[0-9]{1,3}-[0-9]{1,3}[T ][0-9:]{0,9}(\\.[0-9]{0,12})?(Z|[+-][0-9:]{0,6})?",
        url in "(https?|wss?)://[a-f0-9x.:\\[\\]@/?#%]{0,24}",
    ) {
        http_date(&date);
        absolute(Some(&json!(iso)), Unit::Seconds);
        // Accepted plain text goes to loopback and nowhere else, whoever parses it.
        if let Ok(accepted) = SecureUrl::parse(&url, Plain::Loopback)
            && !accepted.is_encrypted()
        {
            prop_assert!(accepted.host() == "[::1]" || accepted.host().starts_with("127."), "{}", url);
            prop_assert!(accepted.host().split('.').count() == 4 || accepted.host() == "[::1]");
        }
    }

    // proves R36.2
    #[test]
    fn no_known_secret_survives_cleaning(secret in "[A-Za-z0-9_\u{7f}-]{12,40}", before in any::<String>(), after in any::<String>()) {
        let known = Secret::new(secret.clone());
        let clean = Cleaner::new(&[&known]).clean(&format!("{before}{secret}{after}"));
        // A control in it, from a damaged record, is dropped from what is shown.
        let shown = secret.replace('\u{7f}', "");
        prop_assume!(shown.len() >= 8);
        prop_assert!(!clean.contains(&shown));
        prop_assert!(clean.chars().count() <= MAX_TEXT + 1);
    }

    // survives W18
    // proves R36.2
    #[test]
    fn no_part_of_a_known_secret_survives_cleaning(
        secret in "[A-Za-z0-9+/_.:=\"ä-]{12,400}",
        others in prop::collection::vec("[A-Za-z0-9_-]{1,40}", 0..3),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
        between in prop::collection::vec("[a-z ,\u{0}\"]{0,20}", 4),
        own in any::<bool>(),
    ) {
        let secrets: Vec<Secret> = others.into_iter().chain([secret.clone()]).map(Secret::new).collect();
        let known: Vec<&Secret> = secrets.iter().collect();
        let letters: Vec<char> = secret.chars().collect();
        let mut said = String::new();
        for ((from, length), between) in cuts.iter().zip(&between) {
            let from = from.index(letters.len());
            let length = length.index(letters.len() - from) + 1;
            said.push_str(between);
            said.extend(&letters[from..from + length]);
        }
        let cleaner = Cleaner::new(&known);
        let shown = if own { cleaner.clean_own(&said) } else { cleaner.clean(&said) };
        for part in letters.windows(SHORTEST_PART) {
            let part: String = part.iter().collect();
            prop_assert!(!shown.contains(&part), "{part} of {secret} in {shown}");
        }
    }

    // proves R35.5
    #[test]
    fn every_scalar_has_a_thumbprint_of_43(bytes in any::<[u8; 32]>(), random in any::<[u8; 16]>()) {
        if let Ok(key) = ProofKey::es256_from_bytes(&bytes) {
            prop_assert_eq!(key.thumbprint().len(), 43);
        }
        let jti = jti_from(random);
        prop_assert_eq!((jti.len(), jti.matches('-').count()), (36, 4));
    }
}
