//! What is sent, as it is sent: bodies of requests, frames, proofs. Each text under the names of the types that it is
//! made of (`tests/serialised.rs` of the workspace sees to it that none is missing).
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unreachable,
    missing_docs,
    reason = "a failing test is a panic"
)]

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use satkeeper_core::dpop::{Algorithm, Claims, ProofKey, PublicJwk, signing_input};
use satkeeper_core::error::Error;
use satkeeper_core::secret::Secret;
use satkeeper_core::wire::http::HttpRequest;
use satkeeper_core::wire::rest::{
    CreateSubscriberToken, GuestToken, Space, device_refresh, device_token, embed_token, invite_token,
    refresh_subscriber_token,
};
use satkeeper_core::wire::url::{Plain, SecureUrl};
use satkeeper_core::wire::{connect, push, reauthenticate, rpc};
use serde_json::json;

const UUID: &str = "00000000-0000-4000-8000-000000000000";

/// Texts under the names of the types that are in them.
fn under(names: &str, texts: &[String]) -> String {
    let mut shown = format!("{names}\n");
    for text in texts {
        let _ = writeln!(shown, "  {text}");
    }
    shown
}

fn body(request: Result<HttpRequest, Error>) -> String {
    let request = request.expect("a request that is in order");
    let body = request.body.expect("a body");
    format!("{} {} {}", request.method.name(), request.url.path(), body.expose())
}

#[test]
fn bodies() {
    // proves R34.1
    let url = |text: &str| SecureUrl::parse(text, Plain::Never).expect("a URL");
    let (host, some) = (url("https://space.signalwire.test"), || Some("text".to_owned()));
    let space = Space::new(host.clone(), "project", &Secret::new("API")).expect("a space");
    let whole = CreateSubscriberToken {
        reference: "alice".to_owned(),
        fingerprint: Some("0".repeat(43)),
        scope_refresh: true,
        expire_at: Some(1_800_000_000),
        application_id: Some(UUID.to_owned()),
        password: Some(Secret::new("PASSWORD")),
        first_name: some(),
        last_name: some(),
        display_name: some(),
        job_title: some(),
        time_zone: some(),
        country: some(),
        company_name: some(),
        region: Some("us-central".to_owned()),
    };
    let least = CreateSubscriberToken { reference: "alice".to_owned(), ..CreateSubscriberToken::default() };
    let guest = GuestToken {
        allowed_addresses: vec![UUID.to_owned()],
        expire_at: Some(1_800_000_000),
        region: Some("us-central".to_owned()),
        ch: Some("us-central".to_owned()),
    };
    let (token, proof) = (Secret::new("TOKEN"), Secret::new("PROOF"));
    let spaces = under(
        "space::Body",
        &[
            body(whole.request(&space)),
            body(least.request(&space)),
            body(refresh_subscriber_token(&space, &token)),
            body(guest.request(&space)),
            body(invite_token(&host, &token, UUID, Some(1_800_000_000))),
            body(embed_token(&host, &token)),
        ],
    );
    let devices = [device_token(&host, &token, &proof, 900), device_refresh(&host, &token, &proof, 900)];
    insta::assert_snapshot!(spaces + &under("device::Body", &devices.map(body)));
}

#[test]
fn frames() {
    // proves R32.1, R32.4
    let (token, proof) = (Secret::new("TOKEN"), Secret::new("PROOF"));
    let state = connect::ResumeState {
        authorization_state: Secret::new("STATE"),
        protocol: "signalwire_p".to_owned(),
    };
    let nothing = connect::Interests::default();
    let fresh = connect::Connect {
        id: UUID,
        jwt_token: &token,
        dpop_token: None,
        resume: None,
        agent: "agent",
        interests: &nothing,
    };
    let resume = connect::Connect { dpop_token: Some(&proof), resume: Some(&state), ..fresh };
    let again = reauthenticate::Reauthenticate {
        id: UUID,
        project: "project",
        jwt_token: &token,
        dpop_token: Some(&proof),
    };
    let bare = reauthenticate::Reauthenticate { dpop_token: None, ..again };
    let said = |frame: Secret| frame.expose().to_owned();
    let Ok(rpc::Frame::Request { id: Some(id), .. }) = rpc::Frame::parse(r#"{"id": "7", "method": "m"}"#)
    else {
        unreachable!("a request")
    };
    let frames = [
        under(
            "connect::Params, connect::Version, connect::Authentication, rpc::Request",
            &[fresh.frame(), resume.frame()].map(said),
        ),
        under(
            "reauthenticate::Params, reauthenticate::Authentication",
            &[bare.frame(), again.frame()].map(said),
        ),
        under("push::Ping", &[said(push::ping(UUID, 1_800_000_000_250))]),
        under(
            "push::Pong",
            &[
                push::pong(&id, None, None),
                push::pong(
                    &id,
                    Some(&json!(1.25)),
                    Some(&serde_json::value::to_raw_value("a payload").unwrap()),
                ),
            ],
        ),
        under("push::Nothing", &[push::acknowledge(&id)]),
        under("rpc::Failure", &[rpc::failure(&id, -32_601, "Method not found")]),
    ];
    insta::assert_snapshot!(frames.concat());
}

#[test]
fn proofs() {
    // proves R35.1, R35.2
    let ec = ProofKey::es256_from_bytes(&[7; 32]).expect("a key");
    let rsa = ProofKey::external(Algorithm::Rs256, PublicJwk::rsa(&[5; 256], &[1, 0, 1])).expect("a key");
    let parts = |key: &ProofKey, claims: &Claims<'_>, nonce| -> Vec<String> {
        let input = signing_input(key, UUID, 1_800_000_000, claims, nonce);
        let decode = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
            String::from_utf8(bytes).expect("JSON")
        };
        input.expose().split('.').map(decode).collect()
    };
    let http = Claims::Http { htm: "POST", htu: "/path", ath: Some("ATH") };
    let call = Claims::Rpc { mth: "signalwire.connect" };
    let (over_http, over_rpc) = (parts(&ec, &http, Some("NONCE")), parts(&rsa, &call, Some("NONCE")));
    let header = |parts: &[String]| parts[0].clone();
    let proofs = [
        // In another order these are what a thumbprint is the hash of (RFC 7638).
        under("key::Header, PublicJwk, jwk::Ec, jwk::Rsa", &[header(&over_http), header(&over_rpc)]),
        under("proof::Http", &over_http[1..]),
        under("proof::Rpc", &over_rpc[1..]),
    ];
    insta::assert_snapshot!(proofs.concat());
}
