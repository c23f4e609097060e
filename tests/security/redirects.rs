//! A redirect would carry body, proof and credential to whoever the answer names: it is an answer like any other
//! refusal, and nobody goes there (R36).

use std::net::SocketAddr;
use std::sync::Arc;

use satkeeper::core::wire::rest::HttpError;
use satkeeper::{GuestToken, SessionError};
use satkeeper_fixtures::{Config, Effect, Fault, Server, Target};
use satkeeper_tests::adapter::Adapter;
use satkeeper_tests::front::Trap;
use satkeeper_tests::with_each_adapter;
use tokio::task::JoinSet;

use crate::{bound, client, no_session, soon, subscriber, works};

const CODES: std::ops::RangeInclusive<u16> = 300..=308;

/// Redirects to the trap: another port, host, scheme, written in every way.
struct Signpost {
    code: u16,
    trap: SocketAddr,
    turn: usize,
}

impl Signpost {
    /// The next call of this kind meets a redirect, the places taking turns.
    fn plant(&mut self, server: &Server, on: Target) {
        let effect = self.effect();
        server.faults().add(Fault::next(on, 1, effect)).expect("a fault");
    }

    /// Each call of this kind meets one.
    fn plant_for_good(&mut self, server: &Server, on: Target) {
        let effect = self.effect();
        server.faults().add(Fault::always(on, effect)).expect("a fault");
    }

    fn effect(&mut self) -> Effect {
        let trap = self.trap;
        let places = [
            format!("http://{trap}/"),
            format!("//{trap}/api/fabric/subscribers/tokens"),
            format!("http://localhost:{}/", trap.port()),
            format!("https://{trap}/"),
            format!("ws://{trap}/"),
            format!("wss://{trap}/"),
        ];
        let to = places[self.turn % places.len()].clone();
        self.turn += 1;
        Effect::Redirect { code: self.code, to }
    }
}

fn status(error: SessionError) -> u16 {
    match error {
        SessionError::Http(answer) => {
            let HttpError { status, .. } = *answer;
            status
        }
        other => panic!("an HTTP status, not {other:?}"),
    }
}

/// The first mint of every provider that the session implements itself.
async fn mints<A: Adapter>(mut signpost: Signpost) {
    let server = Server::start(Config::plain()).await.expect("the fixture server starts");
    let at = server.http_url();
    signpost.plant_for_good(&server, Target::SubscribersTokens);
    assert_eq!(status(no_session::<A>(subscriber(&server)).await), signpost.code);

    signpost.plant_for_good(&server, Target::EmbedsTokens);
    let embed = client(&server).embed("c2c_canary", &at);
    assert_eq!(status(no_session::<A>(embed).await), signpost.code);

    signpost.plant_for_good(&server, Target::GuestsTokens);
    let request = GuestToken {
        allowed_addresses: vec!["8f0a119a-cda7-4497-a47d-c81493b824d4".to_owned()],
        ..GuestToken::default()
    };
    let guest = client(&server).guest(&at, "project", "PTcanary", request);
    assert_eq!(status(no_session::<A>(guest).await), signpost.code);
    assert_eq!(server.counts().sockets_opened, 0);
}

/// Everything that a session asks for once it has a token.
async fn renewals<A: Adapter>(mut signpost: Signpost) {
    let server = Server::start(Config::plain()).await.expect("the fixture server starts");
    signpost.plant(&server, Target::Upgrade);
    signpost.plant(&server, Target::SubscriberInfo);
    signpost.plant(&server, Target::DevicesToken);
    let client: A = soon(subscriber(&server).connect()).await.expect("live at the second attempt");
    bound(&client).await;

    signpost.plant(&server, Target::DevicesRefresh);
    // By the next in turn.
    soon(client.refresh_now()).await.expect("a newer token");
    works(&client).await;
    let counts = server.counts();
    assert_eq!((counts.faults_fired, counts.sockets_opened), (4, 1), "{counts:?}");
    soon(client.disconnect()).await;
}

/// A rotating refresh token is the one secret that must not be lost on the way.
async fn refresh_tokens<A: Adapter>(mut signpost: Signpost) {
    let config = Config { grant_scope: false, ..Config::plain() };
    let server = Server::start(config).await.expect("the fixture server starts");
    let client: A = soon(subscriber(&server).connect()).await.expect("a live session");
    signpost.plant(&server, Target::SubscribersTokensRefresh);
    signpost.plant(&server, Target::SubscribersTokens);
    // It may be renewed all the same, by another mint.
    let _ = soon(client.refresh_now()).await;
    works(&client).await;
    assert!(server.counts().faults_fired > 0);
    soon(client.disconnect()).await;
}

async fn nobody_goes_where_a_redirect_points<A: Adapter>() {
    // proves R36.5
    let trap = Arc::new(Trap::start().await);
    let mut all = JoinSet::new();
    for code in CODES {
        let signpost = |turn| Signpost { code, trap: trap.address, turn: usize::from(code) + turn };
        all.spawn(mints::<A>(signpost(0)));
        all.spawn(renewals::<A>(signpost(3)));
        all.spawn(refresh_tokens::<A>(signpost(5)));
    }
    while let Some(done) = all.join_next().await {
        done.expect("as it should be");
    }
    assert!(trap.visits().await.is_empty(), "somebody came");
    // A trap that nobody could get into would prove nothing.
    drop(tokio::net::TcpStream::connect(trap.address).await.expect("it lets everybody in"));
    assert_eq!(trap.visits().await.len(), 1);
}

with_each_adapter! {
    nobody_goes_where_a_redirect_points,
}
