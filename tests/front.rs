//! What stands between a client and the fixture server where a test must hear everything in clear, or answer in
//! ways that no well-meaning server does. Plain loopback only.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use satkeeper_fixtures::canned::Identity;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_rustls::TlsAcceptor;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Refused with this status and a JSON body of `errors` that repeats every secret of the request.
    EchoErrors(u16),
    /// Refused with this status and the whole request as text.
    EchoText(u16),
    /// Refused with this status and an error that repeats parts of the request's secrets: the last 100 characters of
    /// each, as if there had been room for no more, and pieces of the length of a word.
    EchoParts(u16),
    /// 200 with a body of the wrong shape, made of the request's secrets: parsers like to quote what surprises
    /// them.
    EchoMistyped,
    /// 200 and a body that comes a byte at a time and would take minutes.
    Drip,
    /// No answer.
    Hang,
}

/// Passes on what it is not told to spoil, and writes down both directions of it.
pub struct Front {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: SocketAddr,
    ways: Mutex<Vec<(&'static str, Way)>>,
    /// Both directions of each connection, apart from each other so that nothing is torn.
    heard: Mutex<Vec<Vec<u8>>>,
    /// Last words to those whose socket is closed.
    farewell: broadcast::Sender<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Front {
    /// In front of the server at this address.
    ///
    /// # Panics
    /// If it cannot listen.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Shared {
            upstream,
            ways: Mutex::default(),
            heard: Mutex::default(),
            farewell: broadcast::Sender::new(1),
        };
        let shared = Arc::new(shared);
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // Whoever goes away early has had enough.
                tokio::spawn(connection(Arc::clone(&accepting), client));
            }
        });
        Self { address, shared }
    }

    /// Its base URL for REST.
    #[must_use]
    pub fn http_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its URL for the WebSocket.
    #[must_use]
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// From now on, requests whose path ends so meet this.
    pub fn spoil(&self, path_end: &'static str, way: Way) {
        lock(&self.shared.ways).push((path_end, way));
    }

    /// Everything passes again.
    pub fn let_through(&self) {
        lock(&self.shared.ways).clear();
    }

    /// Closes all WebSockets, for a reason of at most 120 bytes.
    pub fn close_sockets(&self, reason: &str) {
        // Nobody is listening where there is no socket.
        let _ = self.shared.farewell.send(reason.to_owned());
    }

    /// Everything that was said so far, one text a direction; frames of clients are masked in it.
    #[must_use]
    pub fn heard(&self) -> Vec<String> {
        lock(&self.shared.heard).iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

impl Shared {
    /// A new page of what is heard.
    fn page(&self) -> usize {
        let mut heard = lock(&self.heard);
        heard.push(Vec::new());
        heard.len() - 1
    }

    fn write_down(&self, page: usize, bytes: &[u8]) {
        if let Some(page) = lock(&self.heard).get_mut(page) {
            page.extend_from_slice(bytes);
        }
    }

    fn way(&self, head: &str) -> Option<Way> {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let ways = lock(&self.ways);
        ways.iter().rev().find(|(end, _)| path.ends_with(end)).map(|(_, way)| *way)
    }

    async fn pass(&self, from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) {
        let (page, mut bytes) = (self.page(), vec![0; 16 * 1024]);
        while let Ok(count @ 1..) = from.read(&mut bytes).await {
            self.write_down(page, &bytes[..count]);
            if to.write_all(&bytes[..count]).await.is_err() {
                break;
            }
        }
        let _ = to.shutdown().await;
    }
}

async fn connection(shared: Arc<Shared>, mut client: TcpStream) -> Option<()> {
    let (head, body) = request(&mut client).await?;
    let page = shared.page();
    shared.write_down(page, head.as_bytes());
    shared.write_down(page, &body);
    if let Some(way) = shared.way(&head) {
        return spoiled(way, &head, &body, client).await;
    }
    let mut server = TcpStream::connect(shared.upstream).await.ok()?;
    let upgrade = head.to_ascii_lowercase().contains("\r\nupgrade:");
    // One request a connection, so that each can be judged by its path.
    let head = if upgrade { head } else { head.replacen("\r\n", "\r\nConnection: close\r\n", 1) };
    server.write_all(head.as_bytes()).await.ok()?;
    server.write_all(&body).await.ok()?;
    let mut farewell = shared.farewell.subscribe();
    let passed = async {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let back = shared.pass(&mut from_server, &mut to_client);
        if upgrade {
            tokio::join!(back, shared.pass(&mut from_client, &mut to_server));
        } else {
            back.await;
        }
    };
    let reason = tokio::select! {
        () = passed => return Some(()),
        reason = farewell.recv(), if upgrade => reason.ok()?,
    };
    let length = u8::try_from(reason.len() + 2).ok().filter(|length| *length < 126)?;
    // RFC 6455, 5.5.1: a Close with the code 1008 (policy violation).
    client.write_all(&[0x88, length, 0x03, 0xf0]).await.ok()?;
    client.write_all(reason.as_bytes()).await.ok()?;
    client.shutdown().await.ok()
}

/// The head of a request, with its empty line, and the body.
async fn request(client: &mut (impl AsyncRead + Unpin)) -> Option<(String, Vec<u8>)> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    let end = loop {
        let count = client.read(&mut part).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&part[..count]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let mut body = bytes.split_off(end);
    let head = String::from_utf8(bytes).ok()?;
    let length = header(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while body.len() < length {
        let count = client.read(&mut part).await.ok().filter(|count| *count > 0)?;
        body.extend_from_slice(&part[..count]);
    }
    Some((head, body))
}

fn header<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case(wanted).then_some(value.trim())
    })
}

/// The credential of a request and every text of its body.
fn secrets(head: &str, body: &[u8]) -> Vec<String> {
    let credential = header(head, "authorization").map(|value| value.rsplit(' ').next().unwrap_or(value));
    let mut secrets: Vec<String> = credential.map(str::to_owned).into_iter().collect();
    if let Ok(Value::Object(members)) = serde_json::from_slice(body) {
        secrets.extend(members.values().filter_map(Value::as_str).map(str::to_owned));
    }
    secrets
}

async fn spoiled(way: Way, head: &str, body: &[u8], mut client: TcpStream) -> Option<()> {
    let secrets = secrets(head, body);
    let (status, answer) = match way {
        Way::Hang => return wait_for_the_end(client).await,
        Way::Drip => return drip(client).await,
        Way::EchoText(status) => (status, format!("no: {head}{}", String::from_utf8_lossy(body))),
        Way::EchoErrors(status) => {
            let entry = |secret: &String| json!({"type": "x", "code": secret, "message": secret, "attribute": secret, "url": secret});
            let errors: Vec<Value> = secrets.iter().map(entry).collect();
            (status, json!({"errors": errors, "message": secrets, "error": secrets.first()}).to_string())
        }
        Way::EchoParts(status) => {
            let parts: Vec<String> = secrets.iter().map(|secret| parts_of(secret)).collect();
            let entry =
                |part: &String| json!({"type": "x", "code": part, "message": part, "attribute": part});
            let errors: Vec<Value> = parts.iter().map(entry).collect();
            (status, json!({"errors": errors, "error": parts.join(" ")}).to_string())
        }
        Way::EchoMistyped => {
            let first = secrets.first();
            (
                200,
                json!({"token": secrets, "expires_in": first, "sat_claims": first, "id": secrets})
                    .to_string(),
            )
        }
    };
    let credential = secrets.first().map(String::as_str).unwrap_or_default();
    let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{credential}\"");
    let answer = format!(
        "HTTP/1.1 {status} {credential}\r\nContent-Length: {}\r\nWWW-Authenticate: {challenge}\r\n\
         Retry-After: {credential}\r\nDate: {credential}\r\nLocation: /{credential}\r\nConnection: close\r\n\r\n{answer}",
        answer.len(),
    );
    client.write_all(answer.as_bytes()).await.ok()?;
    client.shutdown().await.ok()
}

fn parts_of(secret: &str) -> String {
    let from = |most: usize| secret.get(secret.len().saturating_sub(most)..).unwrap_or_default();
    let middle = secret.get(secret.len() / 2..).unwrap_or_default();
    format!("..{} {} {}", from(100), from(24), middle.get(..24).unwrap_or(middle))
}

async fn drip(mut client: TcpStream) -> Option<()> {
    client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{\"token\":\"").await.ok()?;
    loop {
        client.write_all(b"x").await.ok()?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn wait_for_the_end(mut client: TcpStream) -> Option<()> {
    while let Ok(1..) = client.read(&mut [0; 64]).await {}
    Some(())
}

/// A place where nobody must ever come: it lets everybody in, says nothing, and remembers how they began.
pub struct Trap {
    /// Where it is.
    pub address: SocketAddr,
    visits: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Trap {
    /// On a port of its own.
    ///
    /// # Panics
    /// If it cannot listen.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let visits: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let book = Arc::clone(&visits);
        tokio::spawn(async move {
            while let Ok((mut visitor, _)) = listener.accept().await {
                let place = {
                    let mut book = lock(&book);
                    book.push(Vec::new());
                    book.len() - 1
                };
                let book = Arc::clone(&book);
                tokio::spawn(async move {
                    let mut said = [0; 1024];
                    while let Ok(count @ 1..) = visitor.read(&mut said).await {
                        if let Some(page) = lock(&book).get_mut(place) {
                            page.extend_from_slice(&said[..count]);
                        }
                    }
                });
            }
        });
        Self { address, visits }
    }

    /// What every visitor has said, after a moment in which the last may still arrive.
    pub async fn visits(&self) -> Vec<Vec<u8>> {
        tokio::time::sleep(Duration::from_millis(150)).await;
        lock(&self.visits).clone()
    }
}

/// A proxy that finds every name on this machine, and writes down what it is asked.
pub struct Proxy {
    /// Where it is.
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// One that wants these credentials, if any: the value of `Proxy-Authorization`.
    ///
    /// # Panics
    /// If it cannot listen.
    pub async fn start(credentials: Option<&'static str>) -> Self {
        Self::accept(credentials, |stream| async move { Some(stream) }).await
    }

    /// One that is spoken to in TLS by the name `localhost`, and its authority.
    ///
    /// # Panics
    /// If it cannot listen.
    pub async fn start_sealed() -> (Self, String) {
        let identity = Identity::new("localhost", false);
        let acceptor = TlsAcceptor::from(identity.config());
        let accept = move |stream| {
            let accepting = acceptor.accept(stream);
            async move { accepting.await.ok() }
        };
        (Self::accept(None, accept).await, identity.ca_pem)
    }

    async fn accept<S, F>(
        credentials: Option<&'static str>,
        begin: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        F: Future<Output = Option<S>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let book = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (book, begun) = (Arc::clone(&book), begin(stream));
                tokio::spawn(async move { tunnel(begun.await?, credentials, &book).await });
            }
        });
        Self { address, heads }
    }

    /// What it was asked, one head each.
    #[must_use]
    pub fn heads(&self) -> Vec<String> {
        lock(&self.heads).clone()
    }
}

async fn tunnel(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    credentials: Option<&str>,
    heads: &Mutex<Vec<String>>,
) -> Option<()> {
    let (head, _) = request(&mut client).await?;
    lock(heads).push(head.clone());
    let port = head.strip_prefix("CONNECT ")?.split(' ').next()?.rsplit_once(':')?.1.parse().ok()?;
    if header(&head, "proxy-authorization") != credentials {
        let refusal =
            b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n";
        return client.write_all(refusal).await.ok();
    }
    let mut server = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).await.ok()?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.ok().map(|_| ())
}
