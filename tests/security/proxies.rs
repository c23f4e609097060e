//! Where there is only a way through a proxy, a session takes it: one that is named, or that of the environment. The
//! proxy learns host and port; loopback goes through none.

use std::process::Stdio;

use satkeeper::{Error, SessionError};
use satkeeper_fixtures::{Config, Server};
use satkeeper_tests::adapter::{Adapter, Setup};
use satkeeper_tests::front::{Proxy, Trap};
use satkeeper_tests::with_each_adapter;

use crate::{bound, no_session, soon, subscriber, works};

/// A client of this server by names that are its own, which only the proxy knows to find.
fn by_name(server: &Server) -> Setup {
    let port = server.addr().port();
    let setup = subscriber(server).relay_url(format!("wss://puc.signalwire.com:{port}"));
    let setup = setup.fabric_url(format!("https://fabric.signalwire.com:{port}"));
    let space = format!("https://example.signalwire.com:{port}");
    setup.subscriber(&space, "project", "PTcanary-api-token", "alice@example.com")
}

async fn lives<A: Adapter>(setup: Setup) {
    let client: A = soon(setup.connect()).await.expect("a live session");
    bound(&client).await;
    soon(client.refresh_now()).await.expect("a newer token");
    works(&client).await;
    soon(client.disconnect()).await;
}

/// It was asked for these hosts, all of them, and for nothing else; no head has more in it than that.
fn assert_tunnels_only(proxy: &Proxy, credentials: Option<&str>) {
    let heads = proxy.heads();
    for host in ["example", "fabric", "puc"] {
        assert!(
            heads.iter().any(|head| head.starts_with(&format!("CONNECT {host}.signalwire.com:"))),
            "{heads:?}"
        );
    }
    for head in heads {
        assert!(head.starts_with("CONNECT ") && head.contains(".signalwire.com:"), "{head}");
        assert!(!head.contains("eyJ") && !head.contains("\r\nAuthorization") && head.len() < 300, "{head}");
        let said = head.lines().find_map(|line| line.strip_prefix("Proxy-Authorization: "));
        assert_eq!(said, credentials, "{head}");
    }
}

async fn a_session_goes_through_a_proxy_that_is_named<A: Adapter>() {
    // proves R36.6
    // survives W14
    let server = Server::start(Config::default()).await.expect("the fixture server starts");
    let basic = "Basic dXNlcjpodXNoIGh1c2g=";
    let proxy = Proxy::start(Some(basic)).await;
    lives::<A>(by_name(&server).proxy(&format!("http://user:hush%20hush@{}", proxy.address))).await;
    assert_tunnels_only(&proxy, Some(basic));
}

async fn a_proxy_that_is_spoken_to_in_tls<A: Adapter>() {
    // survives W14
    let server = Server::start(Config::default()).await.expect("the fixture server starts");
    let (proxy, ca_pem) = Proxy::start_sealed().await;
    let trusted = format!("{ca_pem}{}", server.ca_pem().expect("a TLS server"));
    let named = format!("https://localhost:{}", proxy.address.port());
    lives::<A>(by_name(&server).ca_pem(&trusted).proxy(&named)).await;
    assert_tunnels_only(&proxy, None);
}

async fn a_proxy_that_refuses_is_told_by_name<A: Adapter>() {
    // survives W14, W19
    let server = Server::start(Config::default()).await.expect("the fixture server starts");
    let proxy = Proxy::start(Some("Basic dXNlcjpodXNo")).await;
    let dead = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    for (address, word) in [(proxy.address, "USER:PASSWORD@HOST:PORT"), (dead, "nothing listens there")] {
        let setup = by_name(&server).proxy(&format!("http://user:wrong@{address}"));
        let error = no_session::<A>(setup).await;
        let told = error.to_string();
        assert!(matches!(error, SessionError::Unreachable { .. }), "{told}");
        assert!(told.contains(&format!("the proxy http://{address}")) && told.contains(word), "{told}");
        assert!(!told.contains("wrong"), "{told}");
    }
    let error = by_name(&server).proxy("socks5://127.0.0.1:1").start::<A>().await.expect_err("no such proxy");
    assert!(matches!(error, Error::Session(SessionError::InvalidField { field: "proxy", .. })), "{error}");
    assert!(server.seen().is_empty());
}

/// The environment is that of a process, so whoever has these proxies in his is a process of its own.
async fn in_an_environment(names: &[(&str, String)], test: &str) {
    let mut command = tokio::process::Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", test, "--ignored"]).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.to_ascii_lowercase().ends_with("_proxy")) {
        command.env_remove(name);
    }
    command.envs(names.iter().map(|(name, value)| (name, value)));
    let child = command.output().await.expect("a child process");
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

async fn the_proxy_of_the_environment_is_used<A: Adapter>() {
    // proves R36.6
    // survives W14
    let (proxy, trap) = (Proxy::start(None).await, Trap::start().await);
    let names = [
        ("HTTPS_PROXY", format!("http://{}", proxy.address)),
        ("ALL_PROXY", format!("http://{}", trap.address)),
        ("HTTP_PROXY", format!("http://{}", trap.address)),
    ];
    in_an_environment(&names, &format!("proxies::{}::behind_a_proxy", A::MODULE)).await;
    assert_tunnels_only(&proxy, None);
    assert!(trap.visits().await.is_empty(), "another proxy was used");
}

async fn behind_a_proxy<A: Adapter>() {
    assert!(std::env::var("HTTPS_PROXY").is_ok());
    let server = Server::start(Config::default()).await.expect("the fixture server starts");
    lives::<A>(by_name(&server)).await;
}

async fn loopback_goes_through_no_proxy<A: Adapter>() {
    // proves R36
    // survives W14
    let trap = Trap::start().await;
    for scheme in ["http", "socks5h"] {
        let names = ["HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "WSS_PROXY"];
        let names =
            names.map(|name| (name, format!("{scheme}://proxy-user:proxy-password@{}", trap.address)));
        in_an_environment(&names, &format!("proxies::{}::on_loopback", A::MODULE)).await;
        assert!(trap.visits().await.is_empty(), "the proxy was used");
    }
}

async fn on_loopback<A: Adapter>() {
    assert!(std::env::var("ALL_PROXY").is_ok());
    for config in [Config::default(), Config::plain()] {
        let server = Server::start(config).await.expect("the fixture server starts");
        lives::<A>(subscriber(&server)).await;
    }
}

with_each_adapter! {
    a_session_goes_through_a_proxy_that_is_named,
    a_proxy_that_is_spoken_to_in_tls,
    a_proxy_that_refuses_is_told_by_name,
    the_proxy_of_the_environment_is_used,
    #[ignore = "run by the_proxy_of_the_environment_is_used, with proxies in its environment"]
    behind_a_proxy,
    loopback_goes_through_no_proxy,
    #[ignore = "run by loopback_goes_through_no_proxy, with proxies in its environment"]
    on_loopback,
}
