//! The two phones of the example `phone`, with sound: each sends a tone, and what the other hears is measured. It goes by
//! WebRTC (`str0m`) through relays alone, which a coturn of its own gives to whoever has credentials of the session.
//!
//! ```sh
//! cargo run --manifest-path adapters/tokio/examples/phone-with-sound/Cargo.toml
//! ```
//!
//! The phones are those of the other example, file by file. New is what is behind their trait `Media`: `sound` hands its
//! wishes to `engine`, which runs WebRTC; `relay` is an address on a TURN server, `tone` makes and measures what is sent,
//! `ear` keeps what has come. `coturn` starts the server, `script` has what happens.

mod coturn;
mod ear;
mod engine;
mod relay;
mod script;
mod sound;
mod tone;

#[path = "../../phone/media.rs"]
mod media;
#[path = "../../phone/phone.rs"]
mod phone;
#[path = "../../phone/place.rs"]
mod place;
#[path = "../../phone/timeline.rs"]
mod timeline;
#[path = "../../phone/verto.rs"]
mod verto;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    script::run(std::env::args().skip(1)).await
}
