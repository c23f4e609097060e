//! The security defaults, end to end: real adapters, real sockets, servers that do what they should not.
//!
//! | module | what it proves |
//! |---|---|
//! | `redirects` | nobody goes where a redirect points |
//! | `proxies` | a proxy sees where a session goes and nothing of it; loopback goes through none |
//! | `answers` | answers that are too large, too deep, too slow or never come: an error in time, the session lives |
//! | `certificates` | a server that cannot prove its name learns nothing |
//! | `roots` | a machine that trusts nobody by itself |
//! | `hosts` | a token leads to allowed hosts only, and to none that merely follows from its name |
//! | `strict_proofs` | proofs as a server wants them that takes RFC 9449 at its word |
//! | `plain_text` | unencrypted: to loopback and when asked, else never |
//!
//! The pieces have tests of their own nearer to them: `src/http/tests.rs` and `src/socket/tests.rs` of each adapter
//! (limits, deadlines, TLS by the byte), `core/tests/leaf/routing.rs` (the table of URLs), `leaf/hostile.rs` and
//! `session/hostile.rs` (lies in every field), `fixtures/tests/protocol` (the other end).

mod answers;
mod certificates;
mod hosts;
mod plain_text;
mod proxies;
mod redirects;
mod roots;
mod strict_proofs;

use std::time::Duration;

use satkeeper::{Error, Phase, SessionError};
use satkeeper_tests::adapter::{Adapter, Events, Setup};
use satkeeper_tests::{bound, client, root, soon, subscriber};
use serde_json::json;

/// It is live and answered.
async fn works(client: &impl Adapter) {
    assert_eq!(client.status().phase, Phase::Live);
    soon(client.call("subscriber.online", json!({}))).await.expect("an answer");
}

/// Why no session comes to be; where its first token is asked for again, what the last attempt came to.
async fn no_session<A: Adapter>(setup: Setup) -> SessionError {
    match soon(setup.connect_timeout(Duration::from_secs(2)).connect::<A>()).await {
        Err(Error::ConnectTimeout { cause: Some(cause), .. }) => root(&cause).clone(),
        Err(Error::Session(error)) => error,
        Err(error) => panic!("an error of the session's, not {error:?}"),
        Ok(_) => panic!("there is a session"),
    }
}

/// The events that are still to come, without those of the past.
async fn events_from_now(client: &impl Adapter) -> Events {
    let mut events = client.events();
    while let Ok(event) = tokio::time::timeout(Duration::from_millis(50), events.recv()).await {
        event.expect("no end").expect("none missed");
    }
    events
}
