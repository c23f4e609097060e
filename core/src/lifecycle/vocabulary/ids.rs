//! The names by which the machine knows things: numbers, and nothing else (R31).

use serde::{Deserialize, Serialize};

/// Names a command; its one answer comes back as [`Input::Done`](crate::lifecycle::Input::Done) under this name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommandId(pub u64);

/// Names a token. Equal bytes have equal numbers, newer tokens have greater ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TokenId(pub u32);

/// Names a socket, by the `Open` that asked for it. Newer sockets have greater numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SocketId(pub u32);

/// Names a request of the application that waits for an outcome: it gets exactly one
/// [`Recovered`](crate::lifecycle::Event::Recovered) or [`Failed`](crate::lifecycle::Event::Failed).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AskId(pub u64);

/// Counts acknowledgements by the server of a token; it only grows (R6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Generation(pub u64);
