//! Two phones and a call between them, through all that a session has to live through: renewals, lost sockets, refusals.
//!
//! ```sh
//! cargo run -p satkeeper --example phone
//! ```
//!
//! It brings its own server. With one that runs already, whose levers are not at hand:
//!
//! ```sh
//! cargo run -- serve --listen 127.0.0.1:8080     # in another terminal
//! cargo run -p satkeeper --example phone -- --space http://127.0.0.1:8080 --project any --token any
//! ```
//!
//! The guide "A phone in an hour" (`adapters/tokio/docs/phone.md`) explains it. `script` has what happens, `phone` what a
//! phone does, `verto` the messages, `media` what is left to do for sound (`silence` does nothing of it), `place` the
//! server, `timeline` what is shown.
#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

mod media;
mod phone;
mod place;
mod script;
mod silence;
mod timeline;
mod verto;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    script::run(std::env::args().skip(1), place::config()).await
}
