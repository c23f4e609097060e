//! A proxy that somebody has put into the environment would see where a session goes, and in plain what it says:
//! none is used.

use std::process::Stdio;

use satkeeper_fixtures::{Config, Server};
use satkeeper_tests::adapter::Adapter;
use satkeeper_tests::front::Trap;
use satkeeper_tests::with_each_adapter;

use crate::{bound, soon, subscriber, works};

const NAMES: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "WS_PROXY",
    "ws_proxy",
    "WSS_PROXY",
    "wss_proxy",
];

/// The environment is that of a process, so whoever has these proxies in his is a process of its own.
async fn no_proxy_of_the_environment_is_used<A: Adapter>() {
    // proves L50
    let trap = Trap::start().await;
    for scheme in ["http", "socks5h"] {
        let mut command = tokio::process::Command::new(std::env::current_exe().expect("this test"));
        let test = format!("proxies::{}::behind_proxies", A::MODULE);
        command.args(["--exact", &test, "--ignored"]).stdin(Stdio::null());
        for name in NAMES {
            command.env(name, format!("{scheme}://proxy-user:proxy-password@{}", trap.address));
        }
        // Set, reqwest would take loopback out; and under CGI it would not read HTTP_PROXY.
        for name in ["NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
            command.env_remove(name);
        }
        let child = command.output().await.expect("a child process");
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && said.contains("1 passed"), "{said}");
        assert!(trap.visits().await.is_empty(), "the proxy was used");
    }
}

async fn behind_proxies<A: Adapter>() {
    assert!(std::env::var("ALL_PROXY").is_ok());
    for config in [Config::default(), Config::plain()] {
        let server = Server::start(config).await.expect("the fixture server starts");
        let client: A = soon(subscriber(&server).connect()).await.expect("a live session");
        bound(&client).await;
        soon(client.refresh_now()).await.expect("a newer token");
        works(&client).await;
        soon(client.disconnect()).await;
    }
}

with_each_adapter! {
    no_proxy_of_the_environment_is_used,
    #[ignore = "run by no_proxy_of_the_environment_is_used, with proxies in its environment"]
    behind_proxies,
}
