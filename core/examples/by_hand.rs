//! A minute of a session, driven by hand: no network, virtual time.
//! `cargo run -p satkeeper-core --example by_hand`
#![allow(clippy::print_stdout, reason = "a program")]

use satkeeper_core::Now;
use satkeeper_core::lifecycle::SocketId;
use satkeeper_core::secret::{Secret, Seed};
use satkeeper_core::session::{
    Config, Credential, KeyChoice, Provider, Session, SessionInput, SessionOutput,
};
use serde_json::{Value, json};

const START: u64 = 1_700_000_000;
const DATE: &str = "Tue, 14 Nov 2023 22:13:20 GMT";

fn main() {
    // A token that nobody renews; its header is {"alg":"dir","enc":"A256GCM","typ":"SAT"}.
    let token = Secret::new("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwidHlwIjoiU0FUIn0....");
    let config = Config::new(Provider::Static(Credential::new(token))).key(KeyChoice::None);
    let mut session = Session::new(config, Seed::from_bytes([7; 32]));
    let (mut time, mut next) = (0, Some(SessionInput::Start));
    while let Some(input) = next.take() {
        let step = session.step(Now::new(time, START * 1_000 + time), input);
        for output in step.outputs {
            match output {
                SessionOutput::Open { socket, .. } => {
                    next = Some(SessionInput::Opened { socket, date: Some(DATE.to_owned()) });
                }
                SessionOutput::Send { socket, text } => next = Some(acknowledge(socket, &text)),
                SessionOutput::Tell(told) => println!("{time:>5} ms: {:?}", told.kind()),
                _ => {}
            }
        }
        if let (None, Some((at, _))) = (&next, step.wake_at) {
            (time, next) = (at.0, Some(SessionInput::Tick));
        }
    }
}

/// What a server says to the first frame of a socket: the token is good, for a minute.
fn acknowledge(socket: SocketId, frame: &Secret) -> SessionInput {
    let frame: Value = serde_json::from_str(frame.expose()).unwrap_or_default();
    let authorization = json!({"fabric_subscriber": {"expires_at": START + 60}});
    let result = json!({"protocol": "signalwire_p", "authorization": authorization});
    let answer = json!({"jsonrpc": "2.0", "id": frame.get("id"), "result": result});
    SessionInput::Frame { socket, text: answer.to_string() }
}
