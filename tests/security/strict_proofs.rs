//! Proofs as a server wants them that takes RFC 9449 at its word: the whole URI in `htu`, and an `ath` wherever a token
//! goes along. Judged by the fixture's verifier, which shares no code with what signs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use satkeeper_fixtures::{Config, Expected, Htu, ProofFault, ProofRules, Server, verify};
use satkeeper_tests::adapter::{Adapter, Setup};
use satkeeper_tests::front::Front;
use satkeeper_tests::with_each_adapter;
use serde_json::Value;

use crate::soon;

const PATH: &str = "/api/fabric/subscriber/devices/token";

/// The proof of the activation, the token that it came with, and whom it was sent to.
async fn activation<A: Adapter>(strict: bool) -> (String, String, String) {
    let server = Server::start(Config::plain()).await.expect("the fixture server starts");
    let front = Front::start(server.addr()).await;
    let setup =
        Setup::new().relay_url(front.ws_url()).fabric_url(front.http_url()).allow_plain_on_loopback(true);
    let setup = setup.subscriber(&front.http_url(), "project", "PTcanary", "alice@example.com");
    let setup = if strict { setup.strict_proofs() } else { setup };
    let client: A = soon(setup.connect()).await.expect("live");
    soon(client.until(|status| status.bound)).await.expect("not over");
    soon(client.disconnect()).await;
    assert_eq!(server.counts().all_proofs_refused(), 0);
    let heard = front.heard();
    let page = heard.iter().find(|page| page.starts_with(&format!("POST {PATH} "))).expect("an activation");
    let (head, body) = page.split_once("\r\n\r\n").expect("a head");
    let token = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("authorization").then(|| value.trim_start_matches("Bearer ").to_owned())
    });
    let body: Value = serde_json::from_str(body).expect("JSON");
    let host = front.http_url().trim_start_matches("http://").to_owned();
    (body["dpop_token"].as_str().expect("a proof").to_owned(), token.expect("a token"), host)
}

async fn an_activation_names_its_uri_and_its_token_where_wanted<A: Adapter>() {
    // proves R35.1
    for strict in [true, false] {
        let (proof, token, host) = activation::<A>(strict).await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
        let rules = ProofRules {
            now_ms: i64::try_from(now).expect("before the year 292 million"),
            iat_age: Duration::from_secs(60),
            iat_ahead: Duration::from_secs(60),
            accept_es256: true,
            htu: if strict { Htu::Uri } else { Htu::Path },
        };
        let expected =
            Expected::Http { method: "POST", path: PATH, host: &host, ath_of: Some(&token), nonce: None };
        let verdict = verify(&proof, &expected, None, &rules).map(|_| ());
        assert_eq!(verdict, if strict { Ok(()) } else { Err(ProofFault::Ath) });
        let claims = proof.split('.').nth(1).expect("claims");
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64url")).expect("JSON");
        let htu = claims["htu"].as_str().expect("a text");
        assert_eq!(htu.starts_with("http://127.0.0.1:"), strict, "{htu}");
        assert!(htu.ends_with(PATH), "{htu}");
    }
}

with_each_adapter! {
    an_activation_names_its_uri_and_its_token_where_wanted,
}
