//! A connection, encrypted or not: opened in a thread that waits, used by the driver, which does not.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};
use satkeeper_host::socket::CloseWatch;

/// What a WebSocket runs over.
pub(crate) enum Connection {
    /// As it is: what TLS runs over, the words with a proxy, and sessions on loopback.
    Plain(Wire),
    /// TLS.
    Sealed(Box<StreamOwned<ClientConnection, Connection>>),
}

impl Connection {
    pub(crate) fn wire(&mut self) -> &mut Wire {
        match self {
            Self::Plain(wire) => wire,
            Self::Sealed(stream) => stream.sock.wire(),
        }
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.read(buffer),
            Self::Sealed(stream) => stream.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.write(bytes),
            Self::Sealed(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(wire) => wire.flush(),
            Self::Sealed(stream) => stream.flush(),
        }
    }
}

/// A TCP stream.
pub(crate) struct Wire {
    stream: Stream,
    /// Bytes that the operating system has taken, so that a peer that has stopped reading is noticed.
    pub(crate) taken: u64,
}

enum Stream {
    /// Waits, but never beyond this time, however slowly the peer drips.
    Opening(TcpStream, Instant),
    /// Does not wait.
    Open(mio::net::TcpStream),
}

impl Wire {
    pub(crate) const fn opening(stream: TcpStream, until: Instant) -> Self {
        Self { stream: Stream::Opening(stream, until), taken: 0 }
    }

    /// It waits, but never beyond this time.
    pub(crate) fn wait_until(&mut self, end: Instant) {
        if let Stream::Opening(_, until) = &mut self.stream {
            *until = end;
        }
    }

    /// Whether it is there and nothing has come on it. Only of a stream that waits.
    pub(crate) fn is_quiet(&self) -> bool {
        let Stream::Opening(stream, _) = &self.stream else { return false };
        let peeked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
        let is_quiet = peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        stream.set_nonblocking(false).is_ok() && is_quiet
    }

    /// From now on it does not wait; what is returned is to be registered with a poll.
    pub(crate) fn open(&mut self) -> io::Result<&mut mio::net::TcpStream> {
        if let Stream::Opening(stream, _) = &self.stream {
            let stream = stream.try_clone()?;
            stream.set_nonblocking(true)?;
            self.stream = Stream::Open(mio::net::TcpStream::from_std(stream));
        }
        match &mut self.stream {
            Stream::Open(stream) => Ok(stream),
            Stream::Opening(..) => Err(ErrorKind::NotConnected.into()),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Opening(stream, until) => {
                stream.set_read_timeout(Some(left(*until)?))?;
                stream.read(buffer).map_err(in_time)
            }
            Stream::Open(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = match &mut self.stream {
            Stream::Opening(stream, until) => {
                stream.set_write_timeout(Some(left(*until)?))?;
                stream.write(bytes).map_err(in_time)?
            }
            Stream::Open(stream) => stream.write(bytes)?,
        };
        self.taken = self.taken.saturating_add(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The connection below a WebSocket, with an ear on what the server says when it closes it.
pub(crate) struct Watched {
    connection: Connection,
    watch: CloseWatch,
}

impl Watched {
    /// `read`: what has come already.
    pub(crate) fn new(connection: Connection, read: &[u8]) -> Self {
        let mut watch = CloseWatch::default();
        watch.read(read);
        Self { connection, watch }
    }

    pub(crate) fn wire(&mut self) -> &mut Wire {
        self.connection.wire()
    }

    pub(crate) const fn watch(&self) -> &CloseWatch {
        &self.watch
    }
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.connection.read(buffer)?;
        self.watch.read(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.connection.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.connection.flush()
    }
}

/// What is left of the time; an error where nothing is.
pub(crate) fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Some systems call a time-out of a stream that waits a stream that does not.
fn in_time(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}
