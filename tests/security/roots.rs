//! A machine without root certificates of its own, such as a bare container: an authority that is named is
//! enough, plain loopback needs none, and anything else is told what is missing.

use std::process::Command;

use satkeeper_fixtures::{Config, Server};
use satkeeper_tests::adapter::Adapter;
use satkeeper_tests::{client, soon, subscriber, with_each_adapter};

/// The environment is that of the process, so the machine without roots is a process of its own.
async fn a_bare_container<A: Adapter>() {
    let child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", &format!("roots::{}::without_roots", A::MODULE), "--ignored"])
        .env("SSL_CERT_FILE", "/nonexistent")
        .env("SSL_CERT_DIR", "/nonexistent")
        .output()
        .expect("a child process");
    let said = String::from_utf8_lossy(&child.stdout);
    // Elsewhere the roots are not in files, and cannot be taken away.
    assert!(child.status.success() && said.contains("1 passed") || cfg!(not(target_os = "linux")), "{said}");
}

async fn without_roots<A: Adapter>() {
    let sealed = Server::start(Config::default()).await.expect("the fixture server starts");
    let plain = Server::start(Config::plain()).await.expect("the fixture server starts");
    for server in [&sealed, &plain] {
        let client: A = soon(subscriber(server).connect()).await.expect("a live session");
        soon(client.disconnect()).await;
    }
    let untold = client(&plain).relay_url(sealed.ws_url()).fabric_url(sealed.http_url());
    let untold = untold.subscriber(&sealed.http_url(), "project", "PTcanary", "alice@example.com");
    let error = crate::no_session::<A>(untold).await;
    assert!(error.to_string().contains("no trusted root certificates"), "{error}");
}

with_each_adapter! {
    a_bare_container,
    #[ignore = "run by a_bare_container, without roots"]
    without_roots,
}
