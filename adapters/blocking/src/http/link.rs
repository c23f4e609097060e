//! Connections for ureq, made as those of WebSockets are.

use std::fmt;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use satkeeper_core::wire::url::{Plain, SecureUrl};
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, ShutdownHandle, Transport,
};

use crate::connection::Connection;
use crate::dial::connect;
use crate::network::Network;

/// As long as a WebSocket may take: who waits longer for a connection does not get one.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Names are looked up where connections are made: behind a proxy only that knows them.
#[derive(Debug)]
pub(super) struct Elsewhere;

impl Resolver for Elsewhere {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut none = self.empty();
        none.push(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        Ok(none)
    }
}

/// Makes connections.
pub(super) struct Dialing(pub(super) Network);

impl Connector<()> for Dialing {
    type Out = Link;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Link>, Error> {
        // What was judged already.
        let url = SecureUrl::parse(&details.uri.to_string(), Plain::Loopback).map_err(io::Error::other)?;
        let until = Instant::now() + (*details.timeout.after).min(CONNECT_WITHIN);
        let mut registered = Err(Error::ConnectionFailed);
        // What changes meanwhile has changed after it.
        let born = self.0.changes();
        let opened = connect(&url, &self.0, until, |stream| {
            registered = stream.try_clone().map_err(Error::from).and_then(|stream| {
                let handle = Arc::new(Handle(stream));
                let weak = Arc::downgrade(&handle);
                (details.register_shutdown)(weak as Weak<dyn ShutdownHandle>).map(|()| handle)
            });
        });
        let connection = opened.map_err(io::Error::other)?;
        let handle = registered?;
        let sizes = (details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Link {
            buffers: LazyBuffers::new(sizes.0, sizes.1),
            is_tls: url.is_encrypted(),
            connection,
            born,
            network: self.0.clone(),
            _handle: handle,
        }))
    }
}

impl fmt::Debug for Dialing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialing").finish_non_exhaustive()
    }
}

/// Ends what waits on a connection.
struct Handle(TcpStream);

impl ShutdownHandle for Handle {
    fn shutdown(&self) {
        // An error: it has gone already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// A connection of the pool.
pub(super) struct Link {
    buffers: LazyBuffers,
    connection: Connection,
    is_tls: bool,
    /// How often the network had changed when it was begun.
    born: u64,
    network: Network,
    _handle: Arc<Handle>,
}

impl Transport for Link {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.connection.wire().wait_until(end(timeout));
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        let sent = self.connection.write_all(output).and_then(|()| self.connection.flush());
        sent.map_err(|error| in_time(error, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.connection.wire().wait_until(end(timeout));
        let amount =
            self.connection.read(self.buffers.input_append_buf()).map_err(|error| in_time(error, timeout))?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.born == self.network.changes() && self.connection.wire().is_quiet()
    }

    fn is_tls(&self) -> bool {
        self.is_tls
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

/// When there is no time left; a day stands for ever.
fn end(timeout: NextTimeout) -> Instant {
    Instant::now() + (*timeout.after).min(Duration::from_secs(86_400))
}

fn in_time(error: io::Error, timeout: NextTimeout) -> Error {
    if error.kind() == ErrorKind::TimedOut { Error::Timeout(timeout.reason) } else { error.into() }
}
