//! A session's run as an adapter writes it: it plays again to the same bytes, across a restart too, and nothing in it
//! is a secret.

use std::path::PathBuf;
use std::time::Duration;

use satkeeper::Event;
use satkeeper::store::FileStore;
use satkeeper_fixtures::{Config, Server};
use satkeeper_scenarios::Recording;
use satkeeper_tests::adapter::Adapter;
use satkeeper_tests::{await_event, bound, soon, subscriber, with_each_adapter};
use serde_json::json;

fn file(of: &str, name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("satkeeper-recorded-{}-{of}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder.join(name)
}

async fn a_recorded_run_plays_again_and_holds_no_secret<A: Adapter>() {
    // proves R30.1, R30.4, R36.1
    let config = Config { device_ttl: Duration::from_secs(4), ..Config::default() };
    let server = Server::start(config).await.expect("the fixture server starts");
    let (run, kept) = (file(A::MODULE, "run"), file(A::MODULE, "session"));
    let mut tokens = Vec::new();
    // Two processes, as far as the session knows: the second one goes on from the first one's record.
    for _ in 0..2 {
        let setup = subscriber(&server).store(FileStore::new(&kept)).record_to(&run);
        let client: A = soon(setup.connect()).await.expect("live");
        bound(&client).await;
        let (mut events, before) = (client.events(), client.status().generation);
        server.control().drop_sockets();
        let renewed =
            |event: &Event| matches!(event, Event::Renewed { generation, .. } if *generation > before);
        await_event(&mut events, Duration::from_secs(20), renewed).await;
        tokens.extend(client.credential().map(|held| held.token.expose().to_owned()));
        // However it ends.
        let _ = soon(client.call("canary.method", json!({"text": "canary"}))).await;
        soon(client.disconnect()).await;
    }
    let text = std::fs::read_to_string(&run).expect("the run");
    let recording = Recording::read(&text);
    assert_eq!(
        text.lines().filter(|line| line.contains("\"machine\"")).count(),
        2,
        "a head for each process"
    );
    assert!(recording.len() > 30, "{}", recording.len());
    assert_eq!(tokens.len(), 2);
    // A token's header is the same for all; what follows it is not.
    let pieces = tokens.iter().flat_map(|token| token.split('.').skip(1)).filter(|piece| piece.len() > 8);
    let own = ["eyJ", "canary", "project", "alice", "://", "BEGIN"];
    for secret in pieces.chain(own) {
        assert!(!text.contains(secret), "`{secret}` is in the run");
    }
    recording.replay().unwrap_or_else(|divergence| panic!("{divergence}"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&run).expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "it is for its owner only");
    }
    std::fs::remove_dir_all(run.parent().expect("a folder")).expect("it was there");
}

async fn a_file_that_cannot_be_made_is_told_before_anything_is_sent<A: Adapter>() {
    // proves R34
    let server = Server::start(Config::default()).await.expect("the fixture server starts");
    let setup = subscriber(&server).record_to("/no/such/folder/run");
    let error = soon(setup.connect::<A>()).await.expect_err("no such folder");
    assert_eq!(error.code(), "setup");
    assert_eq!(server.counts().calls.len(), 0, "{:?}", server.counts());
}

with_each_adapter! {
    a_recorded_run_plays_again_and_holds_no_secret,
    a_file_that_cannot_be_made_is_told_before_anything_is_sent,
}
