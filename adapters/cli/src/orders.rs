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
    match act {
        Act::Fault(fault) => server.faults().add(fault.clone()).map(|()| 0),
        act => Ok(server.control().run(act)),
    }
}
