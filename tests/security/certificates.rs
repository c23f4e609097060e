//! A server that cannot prove its name learns nothing: the connection ends before a byte of a request, be it for
//! REST or the WebSocket (R36).

use std::path::PathBuf;
use std::time::Duration;

use satkeeper::{Error, Event, Phase, SessionError, SessionNews, Warning};
use satkeeper_fixtures::{Certificate, Config, MintSpec, Server, What};
use satkeeper_tests::adapter::{Adapter, Events, Networks, Setup};
use satkeeper_tests::{SOON, brisk, with_each_adapter};

use crate::{bound, client, events_from_now, no_session, root, soon, subscriber, works};

async fn server(certificate: Certificate) -> Server {
    let config = Config { certificate, ..Config::default() };
    Server::start(config).await.expect("the fixture server starts")
}

fn is_about_the_certificate(error: &SessionError) -> bool {
    matches!(root(error), SessionError::Unreachable { message } if message.contains("certificate"))
}

/// Until something failed for a certificate.
async fn refused(events: &mut Events) {
    loop {
        let event = soon(events.recv()).await.expect("no end before").expect("none missed");
        if event.cause.as_ref().is_some_and(is_about_the_certificate) {
            return;
        }
        assert!(event.cause.is_none(), "{event:?}");
    }
}

/// Neither a mint with a project's password, nor the WebSocket and the inquiry of one who has a token.
async fn learns_nothing<A: Adapter>(server: &Server, asking: Setup, holding: Setup) {
    let error = no_session::<A>(asking).await;
    assert!(is_about_the_certificate(&error), "{error:?}");

    let token = server.mint(MintSpec { scope: true, ..MintSpec::default() });
    let client: A = soon(holding.static_token(token).start()).await.expect("a client that has only begun");
    let mut events = client.events();
    refused(&mut events).await;
    // The second attempt, too.
    refused(&mut events).await;
    soon(client.disconnect()).await;
    assert!(server.seen().is_empty(), "{:?}", server.seen());
    assert_eq!(server.counts().sockets_opened, 0);
}

async fn a_server_that_cannot_prove_its_name_learns_nothing<A: Adapter>() {
    // proves R36.4
    let kinds = [Certificate::Expired, Certificate::WrongName, Certificate::SelfSigned];
    let each = kinds.map(async |kind| {
        let server = server(kind).await;
        learns_nothing::<A>(&server, subscriber(&server), client(&server)).await;
    });
    let strangers = async {
        let (server, stranger) = (server(Certificate::Good).await, server(Certificate::Good).await);
        let of_another = |builder: Setup| builder.ca_pem(stranger.ca_pem().expect("a TLS server"));
        learns_nothing::<A>(&server, of_another(subscriber(&server)), of_another(client(&server))).await;
    };
    let [expired, wrong_name, self_signed] = each;
    tokio::join!(expired, wrong_name, self_signed, strangers);
}

/// Somebody else answers at the server's address for a while, as in a captive portal.
async fn a_session_outlives_an_impostor_and_tells_him_nothing<A: Adapter>() {
    // proves R25.8, R36.4
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let config =
        Config { ca_file: Some(folder.join(format!("impostor-ca-{}.pem", A::MODULE))), ..Config::default() };
    let server = Server::start(config.clone()).await.expect("the fixture server starts");
    let config = Config { listen: server.addr(), ..config };
    let client: A = soon(subscriber(&server).policy(brisk()).connect()).await.expect("a live session");
    bound(&client).await;
    // So that what it needs to be resumed has come.
    works(&client).await;
    let held = client.credential().expect("a token in force");
    server.kill();

    let impostor = Config { certificate: Certificate::Expired, ..config.clone() };
    let impostor = Server::start(impostor).await.expect("the impostor starts");
    let error = soon(client.refresh_now()).await.expect_err("nobody to renew with");
    assert!(matches!(&error, Error::Session(error) if is_about_the_certificate(error)), "{error:?}");
    // The first attempts to reconnect come within 500 ms and 1 s of each other (R19).
    tokio::time::sleep(Duration::from_millis(1_600)).await;
    assert!(impostor.seen().is_empty(), "{:?}", impostor.seen());
    assert!(client.credential().is_some_and(|now| now.token == held.token));
    impostor.kill();

    let server = Server::start(config).await.expect("the fixture server is back");
    soon(client.until(|status| status.phase == Phase::Live)).await.expect("not over");
    works(&client).await;
    assert_eq!(server.counts().resumes, 1);
    soon(client.disconnect()).await;
}

/// Until a socket was refused for its certificate, whatever else goes wrong before.
async fn refused_at_last(events: &mut Events) {
    let is_it = |event: &Event| matches!(event, Event::Warn(Warning::ConnectFailed { .. }));
    loop {
        let told = soon(events.recv()).await.expect("no end before").expect("none missed");
        if matches!(&told.event, SessionNews::Lifecycle(event) if is_it(event))
            && told.cause.as_ref().is_some_and(is_about_the_certificate)
        {
            return;
        }
    }
}

/// Lives through both its ways to the server: one more token by HTTP, and an answer on the socket.
async fn goes_on<A: Adapter>(client: &A) {
    soon(client.until(|status| status.phase == Phase::Live)).await.expect("not over");
    soon(client.refresh_now()).await.expect("a newer token");
    works(client).await;
}

async fn an_authority_is_exchanged_under_a_session<A: Adapter>() {
    // proves R36.4
    // survives W21
    let config = Config { http2: true, ..Config::default() };
    let server = Server::start(config.clone()).await.expect("the fixture server starts");
    let config = Config { listen: server.addr(), ..config };
    let networks = Networks::new(server.ca_pem().expect("a TLS server")).expect("a network");
    let setup = subscriber(&server).network(&networks).policy(brisk());
    let client: A = soon(setup.connect()).await.expect("a live session");
    bound(&client).await;
    goes_on(&client).await;

    // What can be trusted with nothing changes nothing.
    let error = networks.trust("no certificate").expect_err("it is none");
    assert!(matches!(error, Error::Certificate { .. }), "{error}");
    let mut events = events_from_now(&client).await;
    server.control().drop_sockets();
    assert!(server.until(SOON, |counts| counts.resumes == 1).await);
    goes_on(&client).await;

    // Its certificate is of another authority from now on.
    server.kill();
    let server = Server::start(config).await.expect("the fixture server is back");
    refused_at_last(&mut events).await;
    networks.trust(server.ca_pem().expect("a TLS server")).expect("certificates");
    soon(client.network_changed()).await.expect("not over");
    goes_on(&client).await;
    assert_eq!((server.counts().resumes, server.counts().sockets_opened), (1, 1));

    // Who is trusted no more keeps the connection that is open, and gets no other: neither an idle one nor a TLS
    // session that could be resumed speaks for him.
    let stranger = crate::certificates::server(Certificate::Good).await;
    networks.trust(stranger.ca_pem().expect("a TLS server")).expect("certificates");
    works(&client).await;
    let seen = server.seen().len();
    let error = soon(client.refresh_now()).await.expect_err("nobody to renew with");
    assert!(matches!(&error, Error::Session(error) if is_about_the_certificate(error)), "{error:?}");
    server.control().drop_sockets();
    refused_at_last(&mut events).await;
    refused_at_last(&mut events).await;
    let after = server.seen().split_off(seen);
    assert!(after.iter().all(|seen| !matches!(seen.what, What::Request { .. })), "{after:?}");
    assert_eq!(server.counts().sockets_opened, 1);

    networks.trust(server.ca_pem().expect("a TLS server")).expect("certificates");
    soon(client.network_changed()).await.expect("not over");
    goes_on(&client).await;
    soon(client.disconnect()).await;
}

with_each_adapter! {
    an_authority_is_exchanged_under_a_session,
    a_server_that_cannot_prove_its_name_learns_nothing,
    a_session_outlives_an_impostor_and_tells_him_nothing,
}
