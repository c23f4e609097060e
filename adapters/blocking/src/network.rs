//! What sessions of one process can share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// How often the machine's network or whom it trusts has changed: idle connections of before are dead.
    changes: Arc<AtomicU64>,
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
        Ok(Self { tls: Tls::new(ca_pem)?, proxies, changes: Arc::default() })
    }

    /// From now on trusts the platform's roots, read anew, and these, in place of all before: for a private authority
    /// that is exchanged under a process which goes on. Connections that are open stay as they are; each new one, for
    /// HTTP or a WebSocket, is judged by the new roots, none by an idle connection or a TLS session of before. A
    /// session that waits to connect again does so when it is time, or at once if it is told that
    /// [the network has changed](crate::Client::network_changed).
    ///
    /// ```no_run
    /// # fn example(network: satkeeper_blocking::Network) -> Result<(), satkeeper_blocking::Error> {
    /// // While an authority is exchanged, both belong into it.
    /// network.trust(Some(&std::fs::read("/etc/ssl/private-ca.pem").unwrap_or_default()))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Network::new`], and [`Error::Setup`] where nobody would be trusted: then all stays as it was.
    pub fn trust(&self, ca_pem: Option<&[u8]>) -> Result<(), Error> {
        self.tls.trust(ca_pem)?;
        self.changed();
        Ok(())
    }

    /// What is idle is dead.
    pub(crate) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// How often it has changed.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}
