//! Unencrypted only to loopback and only when asked; a server's word does not change that (R36).
//!
//! What URLs are refused: `core/tests/leaf/routing.rs`; by the builder: `tests/settings.rs`.

use satkeeper::{Error, SessionError};
use satkeeper_fixtures::{Config, MintSpec, Server};
use satkeeper_tests::adapter::{Adapter, Setup};
use satkeeper_tests::front::Trap;
use satkeeper_tests::with_each_adapter;

use crate::soon;

const TOKEN: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwidHlwIjoiU0FUIn0..AAAA.AAAA.AAAA";

async fn refused<A: Adapter>(builder: Setup) {
    let error = soon(builder.start::<A>()).await.expect_err("a refusal");
    assert!(matches!(&error, Error::Session(SessionError::InvalidUrl { .. })), "{error:?}");
}

async fn nothing_leaves_in_plain_unless_asked_and_only_to_loopback<A: Adapter>() {
    // proves R36.4
    let trap = Trap::start().await;
    let port = trap.address.port();
    for (host, allowed) in [
        // Not asked for.
        ("127.0.0.1", false),
        // Asked for, and the trap would be reached, but it is not loopback as it is written.
        ("localhost", true),
        ("127.1", true),
        ("0x7f.1", true),
        ("2130706433", true),
        ("0.0.0.0", true),
        ("[::ffff:127.0.0.1]", true),
        ("user@127.0.0.1", true),
    ] {
        let (http, ws) = (format!("http://{host}:{port}"), format!("ws://{host}:{port}"));
        let builder = || Setup::new().allow_plain_on_loopback(allowed);
        refused::<A>(builder().subscriber(&http, "project", "PTcanary", "alice")).await;
        refused::<A>(builder().embed("c2c_canary", &http)).await;
        refused::<A>(builder().static_token(TOKEN).relay_url(&ws)).await;
        refused::<A>(builder().static_token(TOKEN).fabric_url(&http)).await;
    }
    assert!(trap.visits().await.is_empty());
}

/// A token's header names the host. Permission for plain text is the application's to give, not the header's.
async fn a_token_never_names_a_place_for_plain_text<A: Adapter>() {
    // proves R31.6, R36.4
    let trap = Trap::start().await;
    let config = Config { ch: Some(trap.address.to_string()), ..Config::plain() };
    let server = Server::start(config).await.expect("the fixture server starts");
    let token = server.mint(MintSpec { scope: true, ..MintSpec::default() });
    let client = Setup::new().allow_plain_on_loopback(true).static_token(token);
    let error = soon(client.connect::<A>()).await.expect_err("a refusal");
    assert!(matches!(&error, Error::Session(SessionError::InvalidCredentials { .. })), "{error:?}");
    assert!(trap.visits().await.is_empty());
    assert!(server.seen().is_empty());
}

with_each_adapter! {
    nothing_leaves_in_plain_unless_asked_and_only_to_loopback,
    a_token_never_names_a_place_for_plain_text,
}
