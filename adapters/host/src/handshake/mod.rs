//! What is said on a connection before it can be used: `CONNECT` to a proxy, the upgrade to a WebSocket. Bytes in,
//! a verdict out; who moves the bytes does nothing else.
//!
//! ```
//! use satkeeper_core::wire::url::{Plain, SecureUrl};
//! use satkeeper_host::handshake::{Handshake as _, Upgrade};
//! let url = SecureUrl::parse("wss://puc.signalwire.com", Plain::Never)?;
//! let mut upgrade = Upgrade::to(&url);
//! assert!(upgrade.request().starts_with(b"GET / HTTP/1.1\r\nHost: puc.signalwire.com\r\n"));
//! // Early hints are no answer yet; this one is.
//! assert!(upgrade.take(b"HTTP/1.1 103 Early Hints\r\n\r\n")?.is_none());
//! let refused = upgrade.take(b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n").err();
//! assert!(refused.is_some_and(|error| error.code() == "upgrade_refused"));
//! # Ok::<(), satkeeper_core::error::Error>(())
//! ```

mod head;
mod tunnel;
mod upgrade;

use std::io;

use satkeeper_core::error::Error as SessionError;

pub use tunnel::Tunnel;
pub use upgrade::{Upgrade, Upgraded};

/// A request whose answer decides what the connection is used for.
pub trait Handshake {
    /// What a good answer leads to.
    type Done;

    /// The request, to be sent whole.
    fn request(&self) -> &[u8];

    /// Takes what has come. `None`: there is more to come.
    ///
    /// # Errors
    /// The answer is a refusal, too large, or none.
    fn take(&mut self, bytes: &[u8]) -> Result<Option<Self::Done>, SessionError>;

    /// What is to be said where the connection ends before the answer does.
    fn cut_short(&self) -> SessionError;

    /// What is to be said where the connection breaks before the answer has come, or its time is over.
    fn broken(&self, error: &io::Error) -> SessionError;
}
