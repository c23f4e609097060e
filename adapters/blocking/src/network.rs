//! What sessions of one process can share.

use std::fmt;

use satkeeper_host::tls::Tls;
use satkeeper_host::{Error, Proxies};

/// Trusted roots, the way through a proxy, and TLS sessions. Cheap to clone.
///
/// A session makes one of its own unless it is given one with [`Builder::network`](crate::Builder::network);
/// that reads the platform's certificates, so a process with many sessions shares one.
///
/// ```no_run
/// # fn main() -> Result<(), satkeeper_blocking::Error> {
/// use satkeeper_blocking::{Client, Network};
/// let network = Network::new(None)?;
/// for name in ["alice@example.com", "bob@example.com"] {
///     let builder = Client::builder().network(&network);
///     let client = builder.subscriber("example.signalwire.com", "PROJECT_ID", "API_TOKEN", name).connect()?;
/// #   drop(client);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Network {
    pub(crate) tls: Tls,
    pub(crate) proxies: Proxies,
}

impl Network {
    /// Trusts the platform's roots and these certificate authorities (PEM, one or more), and goes through the proxy
    /// that the environment names, if it does ([`Proxies::from_env`]).
    ///
    /// # Errors
    /// [`Error::Certificate`] where `ca_pem` is no such thing, [`Error::Setup`].
    pub fn new(ca_pem: Option<&[u8]>) -> Result<Self, Error> {
        Self::by_way_of(Proxies::from_env(), ca_pem)
    }

    /// The same, whatever the environment names as a proxy.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn by_way_of(proxies: Proxies, ca_pem: Option<&[u8]>) -> Result<Self, Error> {
        Ok(Self { tls: Tls::new(ca_pem)?, proxies })
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}
