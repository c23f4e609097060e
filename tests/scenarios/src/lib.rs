//! Stories of sessions as text. A story is a script and its own golden output: hand-written lines say what the
//! world does and when, the lines below them what the machine did. `../README.md` explains the language.
//!
//! One script drives two machines: the [`Lifecycle`](satkeeper_core::lifecycle::Lifecycle) with facts, and the
//! [`Session`](satkeeper_core::session::Session) with bytes. Both must do the same at the same time, so that
//! each story also compares the two.
//!
//! | file | what it holds |
//! |---|---|
//! | `script`, `words`, `statement`, `span` | the language: lines, their grammar, what they say, lengths of time |
//! | `playing`, `stage` | line by line; virtual time: what arrives when, and what a machine says to it |
//! | `world`, `asked`, `settings` | the server, the provider, the clocks; what they are asked and answer |
//! | `actor`, `facts`, `bytes`, `wire`, `replies` | the two machines on the stage, and the bytes between |
//! | `show` | outputs in words |
//! | `count` | expectations |
//! | `recording` | recorded runs, and replaying them |

mod actor;
mod asked;
mod bytes;
mod count;
mod facts;
mod playing;
mod recording;
mod replies;
mod script;
#[cfg(test)]
mod serialised;
mod settings;
mod show;
mod span;
mod stage;
mod statement;
mod wire;
mod words;
mod world;

pub use actor::Machine;
pub use playing::{Played, play, play_and_kill};
pub use recording::{Divergence, Recording};
pub use script::{Script, Trouble};
