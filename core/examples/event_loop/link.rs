//! One connection that does not block: an HTTP/1.1 request and its response, or a WebSocket. Plain TCP to a literal
//! address; for TLS put `rustls::StreamOwned` around the stream, which reads and writes alike.

use std::io::{ErrorKind, Read as _, Write as _};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::SocketId;
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{RequestId, SessionInput};
use satkeeper_core::wire::http::{HttpRequest, HttpResponse, MAX_BODY};
use satkeeper_core::wire::rpc::MAX_FRAME;
use satkeeper_core::wire::url::SecureUrl;
use tungstenite::handshake::MidHandshake;
use tungstenite::handshake::client::{ClientHandshake, Response};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{HandshakeError, Message, WebSocket};

/// Most bytes of a status line and headers.
const MAX_HEAD: usize = 16 * 1024;

pub(crate) struct Link(State);

enum State {
    Request { id: RequestId, stream: TcpStream, unsent: Vec<u8>, got: Vec<u8> },
    Connecting { socket: SocketId, stream: TcpStream, url: SecureUrl },
    Shaking { socket: SocketId, hands: Box<MidHandshake<ClientHandshake<TcpStream>>> },
    Open { socket: SocketId, frames: Box<WebSocket<TcpStream>> },
}

type Shaken = Result<(WebSocket<TcpStream>, Response), HandshakeError<ClientHandshake<TcpStream>>>;

impl Link {
    pub(crate) fn request(id: RequestId, request: &HttpRequest) -> Result<Self, Error> {
        let url = &request.url;
        let path = url.as_str().strip_prefix(&url.origin()).unwrap_or("/");
        let mut text =
            format!("{} {path} HTTP/1.1\r\nhost: {}:{}\r\n", request.method.name(), url.host(), url.port());
        for (name, value) in &request.headers {
            text.push_str(&format!("{name}: {}\r\n", value.expose()));
        }
        let body = request.body.as_ref().map_or("", Secret::expose);
        text.push_str(&format!("connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
        let stream = dial(url)?;
        Ok(Self(State::Request { id, stream, unsent: text.into_bytes(), got: Vec::new() }))
    }

    pub(crate) fn open(socket: SocketId, url: SecureUrl) -> Result<Self, Error> {
        Ok(Self(State::Connecting { socket, stream: dial(&url)?, url }))
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> std::io::Result<()> {
        match &mut self.0 {
            State::Request { stream, .. } | State::Connecting { stream, .. } => {
                registry.register(stream, token, Interest::READABLE | Interest::WRITABLE)
            }
            State::Shaking { .. } | State::Open { .. } => Ok(()),
        }
    }

    /// Whether its deadline means anything.
    pub(crate) fn is_pending(&self) -> bool {
        !matches!(self.0, State::Open { .. })
    }

    pub(crate) fn is_socket(&self, name: SocketId) -> bool {
        match &self.0 {
            State::Request { .. } => false,
            State::Connecting { socket, .. } | State::Shaking { socket, .. } | State::Open { socket, .. } => {
                *socket == name
            }
        }
    }

    /// What does not go out now goes out when the socket can be written to; what fails, fails to be read as well.
    pub(crate) fn send(&mut self, text: &Secret) {
        if let State::Open { frames, .. } = &mut self.0 {
            let _ = frames.send(Message::text(text.expose()));
        }
    }

    pub(crate) fn close(&mut self) {
        if let State::Open { frames, .. } = &mut self.0 {
            let _ = frames.close(None).and_then(|()| frames.flush());
        }
    }

    /// Reads and writes what can be, and `give`s what came of it; the link, unless it is done.
    pub(crate) fn advance(self, mut give: impl FnMut(SessionInput)) -> Option<Self> {
        let state = match self.0 {
            State::Request { id, mut stream, mut unsent, mut got } => {
                match exchange(&mut stream, &mut unsent, &mut got) {
                    None => Some(State::Request { id, stream, unsent, got }),
                    Some(result) => {
                        give(SessionInput::Http { id, result });
                        None
                    }
                }
            }
            State::Connecting { socket, stream, url } => {
                if is_connecting(&stream) {
                    Some(State::Connecting { socket, stream, url })
                } else {
                    let _ = stream.set_nodelay(true);
                    let limits = WebSocketConfig::default()
                        .read_buffer_size(4 * 1024)
                        .write_buffer_size(0)
                        .max_write_buffer_size(2 * MAX_FRAME)
                        .max_message_size(Some(MAX_FRAME))
                        .max_frame_size(Some(MAX_FRAME));
                    let shaken = tungstenite::client::client_with_config(url.as_str(), stream, Some(limits));
                    shake(socket, shaken, give)
                }
            }
            State::Shaking { socket, hands } => shake(socket, hands.handshake(), give),
            State::Open { socket, mut frames } => {
                let is_open = receive(socket, &mut frames, &mut give);
                is_open.then_some(State::Open { socket, frames })
            }
        };
        state.map(Self)
    }
}

/// A new connection, under way. A name would have to be resolved first, in a thread: the system's way blocks.
fn dial(url: &SecureUrl) -> Result<TcpStream, Error> {
    let address =
        format!("{}:{}", url.host(), url.port()).parse().map_err(|_| broken("no literal address"))?;
    TcpStream::connect(address).map_err(broken)
}

/// The first event of a socket may come before it is connected.
fn is_connecting(stream: &TcpStream) -> bool {
    stream.peer_addr().is_err_and(|error| error.kind() == ErrorKind::NotConnected)
        && !matches!(stream.take_error(), Ok(Some(_)))
}

/// The response is over when the server closes: it was asked to.
fn exchange(
    stream: &mut TcpStream,
    unsent: &mut Vec<u8>,
    got: &mut Vec<u8>,
) -> Option<Result<HttpResponse, Error>> {
    while !unsent.is_empty() {
        match stream.write(unsent) {
            Ok(count) => drop(unsent.drain(..count)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                return None;
            }
            Err(error) => return Some(Err(broken(error))),
        }
    }
    match stream.take((MAX_HEAD + MAX_BODY) as u64).read_to_end(got) {
        Ok(_) => Some(parse(got)),
        Err(error) if error.kind() == ErrorKind::WouldBlock && got.len() < MAX_HEAD + MAX_BODY => None,
        Err(error) => Some(Err(broken(error))),
    }
}

fn parse(got: &[u8]) -> Result<HttpResponse, Error> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let (Ok(httparse::Status::Complete(length)), Some(status)) = (head.parse(got), head.code) else {
        return Err(broken("no HTTP response"));
    };
    let mut response = HttpResponse::new(status, &got[length..got.len().min(length + MAX_BODY)]);
    for header in &*head.headers {
        response.set_header(header.name, &String::from_utf8_lossy(header.value));
    }
    Ok(response)
}

fn shake(socket: SocketId, shaken: Shaken, mut give: impl FnMut(SessionInput)) -> Option<State> {
    match shaken {
        Ok((mut frames, response)) => {
            let date = response.headers().get("date").and_then(|date| date.to_str().ok()).map(str::to_owned);
            give(SessionInput::Opened { socket, date });
            // A frame may have come with the answer, and nothing would tell of it again.
            let is_open = receive(socket, &mut frames, &mut give);
            is_open.then(|| State::Open { socket, frames: Box::new(frames) })
        }
        Err(HandshakeError::Interrupted(hands)) => Some(State::Shaking { socket, hands: Box::new(hands) }),
        Err(HandshakeError::Failure(error)) => {
            give(SessionInput::Closed { socket, error: Some(broken(error)) });
            None
        }
    }
}

/// Everything there is; whether the socket is still open.
fn receive(socket: SocketId, frames: &mut WebSocket<TcpStream>, give: &mut impl FnMut(SessionInput)) -> bool {
    // Also what waits to be written.
    let _ = frames.flush();
    loop {
        match frames.read() {
            Ok(Message::Text(text)) => give(SessionInput::Frame { socket, text: text.as_str().to_owned() }),
            Ok(Message::Binary(_)) => give(SessionInput::OddFrame { socket }),
            Ok(_) => {}
            Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return true,
            Err(error) => {
                give(SessionInput::Closed { socket, error: Some(broken(error)) });
                return false;
            }
        }
    }
}

/// No text of the network's own can hold a secret here: plain TCP and no URLs.
fn broken(error: impl ToString) -> Error {
    Error::Transport { message: error.to_string() }
}
