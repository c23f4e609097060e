//! What sessions of one process can share.

use std::fmt;

use satkeeper_host::Error;
use satkeeper_host::tls::Tls;

use crate::http::Http;

/// Trusted roots, TLS sessions and idle HTTP connections. Cheap to clone.
///
/// A session makes one of its own unless it is given one with [`Builder::network`](crate::Builder::network);
/// that costs some 4 ms and 150 KiB each, so a process with many sessions shares one. All of them must run on
/// the same tokio runtime.
///
/// ```no_run
/// # async fn example() -> Result<(), satkeeper::Error> {
/// use satkeeper::{Client, Network};
/// let network = Network::new(None)?;
/// for name in ["alice@example.com", "bob@example.com"] {
///     let builder = Client::builder().network(&network);
///     let client = builder.subscriber("example.signalwire.com", "PROJECT_ID", "API_TOKEN", name).connect().await?;
/// #   drop(client);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Network {
    pub(crate) http: Http,
    pub(crate) tls: Tls,
}

impl Network {
    /// Trusts the platform's roots and these certificate authorities (PEM, one or more). Reads the platform's
    /// from files: it blocks for milliseconds.
    ///
    /// # Errors
    /// [`Error::Certificate`] where `ca_pem` is no such thing, [`Error::Setup`].
    pub fn new(ca_pem: Option<&[u8]>) -> Result<Self, Error> {
        let tls = Tls::new(ca_pem)?;
        Ok(Self { http: Http::new(tls.clone())?, tls })
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}
