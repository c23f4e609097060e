//! A machine without root certificates of its own, such as a bare container: an authority that is named is
//! enough, plain loopback needs none, and anything else is told what is missing.

use std::process::Command;

use satkeeper::{Builder, Client};
use satkeeper_fixtures::{Config, Server};

/// The environment is that of the process, so the machine without roots is a process of its own.
#[test]
#[cfg(target_os = "linux")]
fn a_bare_container() {
    let child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "without_roots", "--ignored"])
        .env("SSL_CERT_FILE", "/nonexistent")
        .env("SSL_CERT_DIR", "/nonexistent")
        .output()
        .expect("a child process");
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"));
}

#[tokio::test]
#[ignore = "run by a_bare_container, without roots"]
async fn without_roots() {
    let (sealed, plain) = (Config::default(), Config::plain());
    let sealed = Server::start(sealed).await.expect("the fixture server starts");
    let plain = Server::start(plain).await.expect("the fixture server starts");
    let client = |server: &Server| -> Builder {
        Client::builder()
            .relay_url(server.ws_url())
            .fabric_url(server.http_url())
            .allow_plain_on_loopback(true)
            .subscriber(&server.http_url(), "project", "token", "alice@example.com")
    };
    let pem = sealed.ca_pem().expect("a TLS server");
    client(&sealed).ca_pem(pem).connect().await.expect("a live session").disconnect().await;
    client(&plain).connect().await.expect("a live session").disconnect().await;
    let error = client(&sealed).connect().await.expect_err("nobody to trust");
    assert!(error.to_string().contains("no trusted root certificates"), "{error}");
}
