//! A connection, encrypted or not: opened in a thread that waits, used by the driver, which does not.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};

/// What a WebSocket runs over.
pub(crate) enum Connection {
    /// Unencrypted; loopback only.
    Plain(Wire),
    /// TLS.
    Sealed(Box<StreamOwned<ClientConnection, Wire>>),
}

impl Connection {
    pub(crate) fn wire(&mut self) -> &mut Wire {
        match self {
            Self::Plain(wire) => wire,
            Self::Sealed(stream) => &mut stream.sock,
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

/// What is left of the time; an error where nothing is.
pub(crate) fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Some systems call a time-out of a stream that waits a stream that does not.
fn in_time(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}
