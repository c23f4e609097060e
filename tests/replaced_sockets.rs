//! One socket that serves and one that is coming: the older one is read until the newer one is live, and goes then (R22).

use satkeeper::{Credential, EventKind, Phase, Policy, Secret};
use satkeeper_fixtures::{Config, Effect, Fault, MintSpec, Server, Target, What};
use satkeeper_tests::adapter::Adapter;
use satkeeper_tests::{SOON, bound, soon, subscriber, with_each_adapter};
use serde_json::json;

/// A server that accepts no token on a socket that is open, only with a fresh connect.
async fn refusing_pushes(connect_displaces: bool) -> Server {
    let config = Config { connect_displaces, ..Config::plain() };
    let server = Server::start(config).await.expect("the fixture server starts");
    let broken = Effect::Error { code: -32603, message: "Internal error".to_owned(), data: None };
    server.faults().add(Fault::always(Target::Reauthenticate, broken)).expect("a fault");
    server
}

/// When something happened, in the order of the server's own log.
fn place(server: &Server, wanted: impl Fn(&What) -> bool) -> usize {
    server.seen().iter().position(|seen| wanted(&seen.what)).expect("it happened")
}

async fn a_token_that_no_push_brings_in_is_shown_beside_the_socket_that_serves<A: Adapter>() {
    // proves R22.7, R27.5
    for displaces in [false, true] {
        let server = refusing_pushes(displaces).await;
        // Who brings a token waits so long for a push.
        let policy = Policy::default().with(|policy| (policy.network, policy.parting) = (2_000, 500));
        // Nothing to be pushed before that: what the exchange brings comes by the connect.
        let setup = subscriber(&server).key(satkeeper::KeyChoice::None).policy(policy);
        let client: A = soon(setup.connect()).await.expect("a live session");
        let mut events = client.events();
        let token = server.mint(MintSpec { reference: "alice@example.com".into(), ..MintSpec::default() });
        let bringing = tokio::spawn({
            let (client, token) = (client.clone(), token.clone());
            async move { client.update_token(Credential::new(Secret::new(token))).await }
        });
        assert!(server.until(SOON, |counts| counts.of(Target::Reauthenticate).faulty > 0).await);
        assert_eq!(client.status().phase, Phase::Live, "the socket serves on");
        soon(client.call("subscriber.online", json!({}))).await.expect("an answer");

        soon(bringing).await.expect("no panic").expect("accepted by a fresh connect");
        assert!(client.credential().is_some_and(|held| held.token.expose() == token));
        assert_eq!(client.status().phase, Phase::Live);
        assert!(server.until(SOON, |counts| counts.sockets_closed == 1).await, "the old one goes");
        let live = place(&server, |what| matches!(what, What::Connected { socket: 2, resumed: false, .. }));
        let gone = place(&server, |what| matches!(what, What::SocketClosed { socket: 1, .. }));
        assert!(live < gone, "both were open at once: {live} {gone}");
        soon(client.call("subscriber.online", json!({}))).await.expect("an answer on the new one");

        // No loop of sockets that displace each other, and nobody was told of a loss that is to be mended.
        let counts = server.counts();
        assert_eq!((counts.sockets_opened, counts.sockets_closed), (2, 1), "{counts:?}");
        soon(client.disconnect()).await;
        while let Some(event) = soon(events.recv()).await {
            let kind = event.expect("none missed").kind();
            // A server that displaces may have closed the old one before its answer on the new one is read.
            let closed = displaces && matches!(kind, EventKind::ConnectionLost { next_at: None });
            assert!(closed || !matches!(kind, EventKind::ConnectionLost { .. }), "{kind:?}");
        }
    }
}

/// The way to the server is gone, the one back is not: another socket takes over by a resume, and the old one is not
/// closed before that is live.
async fn a_socket_on_which_nothing_gets_through_is_replaced_by_a_resume<A: Adapter>() {
    // proves R22.3, R22.5
    let server = Server::start(Config::plain()).await.expect("the fixture server starts");
    let policy = Policy::default().with(|policy| (policy.push, policy.network) = (500, 1_000));
    let client: A = soon(subscriber(&server).policy(policy).connect()).await.expect("a live session");
    bound(&client).await;
    soon(client.call("subscriber.online", json!({}))).await.expect("an answer");
    let lost = Effect::Swallow(satkeeper_fixtures::Direction::ToServer);
    server.faults().add(Fault::next(Target::Reauthenticate, 1, lost)).expect("a fault");
    soon(client.refresh_now()).await.expect("a newer token");
    assert!(server.until(SOON, |counts| counts.resumes == 1).await);
    let live = place(&server, |what| matches!(what, What::Connected { resumed: true, .. }));
    assert!(server.until(SOON, |counts| counts.sockets_closed == 1).await, "the old one goes");
    let gone = place(&server, |what| matches!(what, What::SocketClosed { socket: 1, .. }));
    assert!(live < gone);
    assert_eq!((server.counts().sockets_opened, server.counts().fresh_connects), (2, 1));
    soon(client.disconnect()).await;
}

with_each_adapter! {
    a_token_that_no_push_brings_in_is_shown_beside_the_socket_that_serves,
    a_socket_on_which_nothing_gets_through_is_replaced_by_a_resume,
}
