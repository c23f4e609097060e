//! A token names the host that it is sent to, and another follows from it: neither is a stranger's (R31).
//!
//! Which names lead where: `core/tests/leaf/routing.rs`; what a session does about it: `core/tests/session/hosts.rs`.

use satkeeper::{Credential, Error, Secret, SessionError};
use satkeeper_fixtures::{Config, MintSpec, Server};
use satkeeper_tests::adapter::{Adapter, Setup};
use satkeeper_tests::front::Trap;
use satkeeper_tests::with_each_adapter;

use crate::{soon, subscriber, works};

/// A token whose header leads to this port, under a name of so many labels.
async fn leading_to(port: u16, name: &str) -> String {
    let config = Config { ch: Some(format!("{name}:{port}")), ..Config::plain() };
    let server = Server::start(config).await.expect("the fixture server starts");
    server.mint(MintSpec { scope: true, ..MintSpec::default() })
}

async fn a_token_that_leads_elsewhere_than_allowed_is_sent_nowhere<A: Adapter>() {
    // survives W9
    // proves R31.6
    let trap = Trap::start().await;
    let token = leading_to(trap.address.port(), "relay.localhost").await;
    let refused =
        soon(Setup::new().static_token(&token).allow_hosts(&["*.example.com"]).connect::<A>()).await;
    let host = "relay.localhost".to_owned();
    assert_eq!(refused.err(), Some(Error::Session(SessionError::HostNotAllowed { host })));
    // Nor one that is brought later: where the application has named both hosts, it goes there and nowhere else.
    let server = Server::start(Config::plain()).await.expect("the fixture server starts");
    let client: A = soon(subscriber(&server).allow_hosts(&["*.example.com"]).connect()).await.expect("live");
    soon(client.update_token(Credential::new(Secret::new(token)))).await.expect_err("the server's refusal");
    works(&client).await;
    soon(client.disconnect()).await;
    assert!(trap.visits().await.is_empty());
}

async fn a_name_of_two_labels_leads_nowhere<A: Adapter>() {
    // survives W9
    // proves R31.6
    let trap = Trap::start().await;
    for name in ["example.test", "example.co.uk"] {
        let token = leading_to(trap.address.port(), name).await;
        let error = soon(Setup::new().static_token(token).connect::<A>()).await.expect_err("a refusal");
        assert!(matches!(&error, Error::Session(SessionError::InvalidCredentials { .. })), "{error:?}");
    }
    assert!(trap.visits().await.is_empty());
}

async fn what_is_no_host_name_is_refused_before<A: Adapter>() {
    // survives W9
    let refused =
        soon(Setup::new().static_token("eyJ").allow_hosts(&["https://example.com"]).start::<A>()).await;
    let field = |error: &Error| {
        matches!(error, Error::Session(SessionError::InvalidField { field: "allow_hosts", .. }))
    };
    assert!(refused.as_ref().is_err_and(field), "{:?}", refused.err());
}

with_each_adapter! {
    a_token_that_leads_elsewhere_than_allowed_is_sent_nowhere,
    a_name_of_two_labels_leads_nowhere,
    what_is_no_host_name_is_refused_before,
}
