//! What sessions of one process can share.

use std::fmt;

use satkeeper_host::tls::Tls;
use satkeeper_host::{Error, Proxies};

use crate::dial::Dialer;
use crate::http::Http;

/// Trusted roots, the way through a proxy, TLS sessions and idle HTTP connections. Cheap to clone.
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
    pub(crate) dialer: Dialer,
}

impl Network {
    /// Trusts the platform's roots and these certificate authorities (PEM, one or more), and goes through the proxy
    /// that the environment names, if it does ([`Proxies::from_env`]). Reads the platform's roots from files: it
    /// blocks for milliseconds.
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
        let dialer = Dialer::new(Tls::new(ca_pem)?, proxies);
        Ok(Self { http: Http::new(&dialer), dialer })
    }

    /// From now on trusts the platform's roots, read anew, and these, in place of all before: for a private authority
    /// that is exchanged under a process which goes on. Connections that are open stay as they are; each new one, for
    /// HTTP or a WebSocket, is judged by the new roots, none by an idle connection or a TLS session of before. A
    /// session that waits to connect again does so when it is time, or at once if it is told that
    /// [the network has changed](crate::Client::network_changed). Blocks for milliseconds.
    ///
    /// ```no_run
    /// # fn example(network: satkeeper::Network) -> Result<(), satkeeper::Error> {
    /// // While an authority is exchanged, both belong into it.
    /// network.trust(Some(&std::fs::read("/etc/ssl/private-ca.pem").unwrap_or_default()))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Network::new`], and [`Error::Setup`] where nobody would be trusted: then all stays as it was.
    pub fn trust(&self, ca_pem: Option<&[u8]>) -> Result<(), Error> {
        self.dialer.trust(ca_pem)?;
        self.http.network_changed();
        Ok(())
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}
