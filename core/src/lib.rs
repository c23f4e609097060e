//! See the workspace README.

pub mod lifecycle;
pub mod session;
pub mod time;


pub use time::{Millis, Now, Tick, UnixMillis};
