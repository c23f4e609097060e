//! See the workspace README.

pub mod dpop;
pub mod error;
pub mod secret;
pub mod wire;
pub mod lifecycle;
pub mod session;
pub mod time;


pub use time::{Millis, Now, Tick, UnixMillis};
