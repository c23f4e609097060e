//! `satkeeper serve --control`: what a test in another language does to the server and asks of it, line by line.

use std::io::BufRead as _;

use satkeeper_fixtures::{Act, FixtureError, Server};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// One line of standard input.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// `"counts"`: what the server has counted.
    Counts,
    /// `{"do": …}`: as in a script's actions, at once.
    Do(Act),
    /// `{"answers": "ID"}`: what came back to a request that was asked by `{"do": {"ask": …}}`.
    Answers(String),
}

/// The lines of standard input, until it ends. They come from a thread of their own: tokio's would hold up the exit
/// until the next line.
pub(crate) fn lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Carries out one line; the line that answers it.
pub(crate) fn obey(server: &Server, line: &str) -> Value {
    match serde_json::from_str(line) {
        Ok(Order::Counts) => json!({"counts": server.counts()}),
        Ok(Order::Answers(id)) => json!({"answers": server.control().answers(&id)}),
        Ok(Order::Do(act)) => match run(server, &act) {
            Ok(sockets) => json!({"done": sockets}),
            Err(error) => json!({"refused": error.to_string()}),
        },
        // Where it went wrong, not what was there.
        Err(error) => json!({"refused": format!("no order: column {}", error.column())}),
    }
}

/// The number of sockets that it concerned, where that means something.
fn run(server: &Server, act: &Act) -> Result<usize, FixtureError> {
    act.check()?;
    Ok(server.control().run(act))
}

#[cfg(test)]
mod tests {
    use satkeeper_fixtures::{Config, Server};

    use super::obey;

    const ORDERS: [&str; 10] = [
        r#""counts""#,
        r#"{"do": "drop_sockets"}"#,
        r#"{"do": {"ttls": {"sat_ms": 60000, "device_ms": 1}}}"#,
        r#"{"do": {"drop_random": {"count": 2, "seed": 18446744073709551615}}}"#,
        r#"{"do": {"event": {"event_type": "canary", "params": [{"canary": null}]}}}"#,
        r#"{"do": {"close_sockets": {"code": 1012, "reason": "canary"}}}"#,
        r#"{"do": {"swallow_sockets": "to_server"}}"#,
        r#"{"do": {"ask": {"id": "canary", "method": "canary", "params": {"canary": 1}}}}"#,
        r#"{"answers": "canary"}"#,
        r#"{"do": {"fault": {"on": "devices_refresh", "times": {"nth": 3},
            "effect": {"status": {"code": 503, "body": "canary", "retry_after": null}}}}}"#,
    ];

    /// Those that mean something in JSON, and two that do not.
    const BYTES: &[u8] = b"0123456789{}[]\":,-e. \\u\x00\xff";

    #[tokio::test]
    async fn every_line_is_answered_and_none_is_repeated() {
        let server = Server::start(Config::plain()).await.unwrap();
        for order in ORDERS {
            let answer = obey(&server, order);
            assert!(
                ["counts", "done", "answers"].iter().any(|it| answer.get(it).is_some()),
                "{order}: {answer}"
            );
        }
        // Xorshift: the same lines on every machine.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut below = |limit: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap_or(0) % limit
        };
        for _ in 0..5_000 {
            let mut line = ORDERS[below(ORDERS.len())].as_bytes().to_vec();
            for _ in 0..=below(3) {
                let at = below(line.len());
                line[at] = BYTES[below(BYTES.len())];
            }
            let answer = obey(&server, &String::from_utf8_lossy(&line)).to_string();
            assert!(
                ["{\"counts", "{\"done", "{\"answers", "{\"refused"].iter().any(|it| answer.starts_with(it)),
                "{answer}"
            );
            assert!(!answer.contains("canary"), "{answer}");
        }
        server.stop().await;
    }
}
