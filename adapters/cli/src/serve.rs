//! `satkeeper serve`: the fixture server as a process.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use satkeeper_fixtures::{Config, FixtureError, Server, Turn};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use crate::exit::Failure;
use crate::files;
use crate::orders;
use crate::requests::{self, Recording};
use crate::serve_args::ServeArgs;
use crate::signals::Signals;
use crate::terminal::{Line, Terminal};

/// How long what was recorded last may take to be written.
const RECORD_WITHIN: Duration = Duration::from_secs(1);

/// Serves until a signal comes.
pub(crate) async fn serve(args: ServeArgs) -> Result<(), Failure> {
    // Both may take until somebody is at the other end of a pipe: until then a signal ends the program at once.
    let script = args.faults.as_deref().map(read_script).transpose()?;
    let requests = args.requests.as_deref().map(requests::open).transpose()?;
    let mut signals = Signals::watch()?;
    let server = Server::start(config(&args)?).await.map_err(refused)?;
    let recording = requests.map(|sink| Recording::begin(server.watch_seen(), sink));
    if let Some(script) = script {
        server.faults().load(&script).map_err(refused)?;
    }
    let mut terminal = Terminal::stdout();
    terminal.line(&Line::new().plain(announcement(&server, args.ca_out.as_deref()).to_string()));
    let mut orders = args.control.then(orders::lines);
    let ended_by = loop {
        let order = async {
            match &mut orders {
                Some(orders) => orders.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            signal = signals.next() => break signal,
            order = order => match order {
                Some(order) => {
                    let answer = orders::obey(&server, &order);
                    if let Some(recording) = &recording {
                        tokio::select! {
                            () = recording.catch_up() => {}
                            signal = signals.next() => break signal,
                        }
                    }
                    terminal.line(&Line::new().plain(answer.to_string()));
                }
                None => break "the end of its orders",
            },
        }
    };
    server.stop().await;
    if let Some(recording) = recording {
        // Where nobody reads it, it stays unwritten.
        let _ = timeout(RECORD_WITHIN, recording.finish()).await;
    }
    Terminal::stderr().line(&Line::new().plain(format!("stopped by {ended_by}")));
    Ok(())
}

fn config(args: &ServeArgs) -> Result<Config, Failure> {
    let defaults = if args.official { Config::for_official_client() } else { Config::default() };
    let mut config = Config {
        listen: args.listen,
        tls: args.tls,
        http2: args.http2,
        ca_file: args.ca_out.clone(),
        ch: args.ch.clone(),
        sat_ttl: args.sat_ttl.unwrap_or(defaults.sat_ttl),
        device_ttl: args.device_ttl.unwrap_or(defaults.device_ttl),
        grant_scope: !args.no_scope,
        turn: args.turn_secret_file.as_deref().map(|path| turn(&args.turn, path)).transpose()?,
        ping_every: args.ping_every.or(defaults.ping_every),
        // Nobody asks this process for what it has seen: it is written down or not kept.
        log_capacity: 0,
        ..defaults
    };
    for answer in &args.answers {
        let Some((name, value)) = answer.split_once('=') else {
            return Err(Failure::usage("--answer: it is NAME=VALUE"));
        };
        config.answer(name, value).map_err(|error| Failure::usage(format!("--answer: {error}")))?;
    }
    Ok(config)
}

fn refused(error: FixtureError) -> Failure {
    match error {
        FixtureError::Config(_) | FixtureError::Script(_) => Failure::usage(error.to_string()),
        FixtureError::Listen { .. } | FixtureError::File { .. } => Failure::usage(error.to_string()),
        error => Failure::Broken(error.to_string()),
    }
}

fn turn(urls: &[String], secret: &Path) -> Result<Turn, Failure> {
    let refused = |why: String| Failure::usage(format!("--turn-secret-file {}: {why}", secret.display()));
    let secret = files::read(secret).map_err(|error| refused(error.to_string()))?;
    let secret = String::from_utf8(secret).map_err(|_| refused("it is not UTF-8".to_owned()))?;
    Ok(Turn { urls: urls.to_vec(), secret: secret.trim().to_owned() })
}

fn read_script(path: &Path) -> Result<String, Failure> {
    let refused = |why: String| Failure::usage(format!("--faults {}: {why}", path.display()));
    let script = files::read(path).map_err(|error| refused(error.to_string()))?;
    String::from_utf8(script).map_err(|_| refused("it is not UTF-8".to_owned()))
}

/// The first line of standard output: where the server is, and whom to trust.
fn announcement(server: &Server, ca_file: Option<&Path>) -> Value {
    let at = reachable(server.addr());
    let (http, ws) = if server.ca_pem().is_some() { ("https", "wss") } else { ("http", "ws") };
    let mut line = Map::new();
    line.insert(http.to_owned(), json!(format!("{http}://{at}")));
    line.insert(ws.to_owned(), json!(format!("{ws}://{at}")));
    line.insert("ca".to_owned(), json!(server.ca_pem()));
    if let (Some(_), Some(path)) = (server.ca_pem(), ca_file) {
        line.insert("ca_file".to_owned(), json!(path.to_string_lossy()));
    }
    Value::Object(line)
}

/// An address that a client on this machine can use for the one that is listened on.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn what_is_announced_can_be_called() {
        for (listen, call) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("127.0.0.2:80", "127.0.0.2:80"),
            ("10.0.0.1:80", "10.0.0.1:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), call);
        }
    }
}
