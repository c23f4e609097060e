//! HTTP requests of a session: sent once, as they are, to where they say.

mod connector;

use std::error::Error as StdError;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use satkeeper_core::Tick;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::wire::http::{self as wire, HttpRequest, HttpResponse, MAX_BODY};
use satkeeper_host::Clock;
use satkeeper_host::body::is_whole;
use satkeeper_host::peer::Peer;
use tokio::time::{Instant, timeout_at};

use crate::dial::Dialer;
use connector::{Connector, UNTIL};

/// A connection is of no use for long: renewals are minutes apart, and one that was idle while the machine
/// slept is dead without anybody knowing.
const IDLE: Duration = Duration::from_secs(15);

/// An HTTP/2 connection from which nothing has come for so long is asked for a sign of life while somebody waits, and
/// is given up without one: TCP acknowledges for many that have died behind it. 5 s together.
const PING_AFTER: Duration = Duration::from_secs(2);
const PONG_WITHIN: Duration = Duration::from_secs(3);

/// How much earlier than its request a connection has to be there.
const CONNECTED_BEFORE: Duration = Duration::from_millis(20);

/// Largest head of an answer.
const MAX_HEAD: usize = 64 * 1024;

type Pool = Arc<Client<Connector, Full<Bytes>>>;

/// Sends requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Http {
    dialer: Dialer,
    pool: Arc<Mutex<Pool>>,
}

impl Http {
    pub(crate) fn new(dialer: &Dialer) -> Self {
        let dialer = dialer.speaking(&[b"h2", b"http/1.1"]);
        let pool = Arc::new(Mutex::new(pool(&dialer)));
        Self { dialer, pool }
    }

    /// Sends it and reads what comes, whatever the status: a connection has to be there by the deadline, the answer may be
    /// late by so much.
    pub(crate) async fn send(
        self,
        request: HttpRequest,
        (deadline, late): (Tick, Duration),
        clock: Clock,
    ) -> Result<HttpResponse, SessionError> {
        let (left, peer) = (clock.until(deadline), Peer::of(&request.url));
        let mut request = translate(&request)?;
        let (begun, capture) = (Instant::now(), capture_connection(&mut request));
        let until = begun + left;
        let connected_until = begun + left.saturating_sub(CONNECTED_BEFORE);
        // Nothing has been presented where there was no connection to present it on (R12).
        let is_connected = || capture.connection_metadata().is_some();
        let pool = Arc::clone(&self.pool.lock().unwrap_or_else(PoisonError::into_inner));
        // What has come of the answer outlives the time that there was for it.
        let mut answer = None;
        let mut exchange = Box::pin(async {
            // A little less: whatever hung is to say so, in place of the end of all.
            let sending = UNTIL.scope(connected_until, pool.request(request));
            let response = sending.await.map_err(|error| failed(&peer, error, is_connected()))?;
            receive(response, &mut answer).await.map_err(|error| peer.broken(&error))
        });
        let done = match timeout_at(until, &mut exchange).await {
            Ok(done) => done,
            Err(_) => {
                // Whatever took so long may be the connection: nobody waits on it again.
                self.retire(&pool);
                match is_connected() {
                    true => timeout_at(until + late, &mut exchange)
                        .await
                        .unwrap_or_else(|_| Err(peer.late("an HTTP request to", left + late))),
                    false => Err(peer.silent(left)),
                }
            }
        };
        drop(exchange);
        match (done, answer) {
            (Ok(()), Some(answer)) => Ok(answer),
            (Err(_), Some(answer)) if is_whole(&answer.body) => Ok(answer),
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(peer.odd("no answer")),
        }
    }

    /// The machine is on another network, or trusts others: what is idle is dead.
    pub(crate) fn network_changed(&self) {
        let current = Arc::clone(&self.pool.lock().unwrap_or_else(PoisonError::into_inner));
        self.retire(&current);
    }

    /// No request uses connections of this pool any more. Those under way go on.
    fn retire(&self, used: &Pool) {
        let mut current = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, used) {
            *current = pool(&self.dialer);
        }
    }
}

fn pool(dialer: &Dialer) -> Pool {
    let client = Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(2)
        // Only what no byte has been sent of, its connection having gone meanwhile: no proof is sent twice (R35).
        .retry_canceled_requests(true)
        .http1_max_buf_size(MAX_HEAD)
        .http2_max_header_list_size(64 * 1024)
        .http2_keep_alive_interval(PING_AFTER)
        .http2_keep_alive_timeout(PONG_WITHIN)
        .build(Connector(dialer.clone()));
    Arc::new(client)
}

fn translate(request: &HttpRequest) -> Result<Request<Full<Bytes>>, SessionError> {
    let method = match request.method {
        wire::Method::Get => Method::GET,
        wire::Method::Post => Method::POST,
    };
    let body = request.body.as_ref().map_or_else(Bytes::new, |body| Bytes::from(body.expose().to_owned()));
    let mut translated = Request::new(Full::new(body));
    *translated.method_mut() = method;
    // Never quoted: its query may be a credential.
    *translated.uri_mut() = request
        .url
        .as_str()
        .parse()
        .map_err(|_| SessionError::InvalidUrl { reason: "it has characters that no request may have" })?;
    let headers = translated.headers_mut();
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("satkeeper/", env!("CARGO_PKG_VERSION"))));
    for (name, value) in &request.headers {
        // A token with a line end in it: refused here, never quoted.
        let mut translated = HeaderValue::from_str(value.expose()).map_err(|_| {
            SessionError::InvalidField { field: name, reason: "it has characters that no header may have" }
        })?;
        translated.set_sensitive(matches!(value, wire::HeaderValue::Secret(_)));
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            headers.append(name, translated);
        }
    }
    Ok(translated)
}

/// Status, the headers that matter, and at most [`MAX_BODY`] bytes of the body: what is beyond is not read.
async fn receive(
    response: Response<Incoming>,
    answer: &mut Option<HttpResponse>,
) -> Result<(), hyper::Error> {
    let (head, mut body) = response.into_parts();
    let expected = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let bytes = Vec::with_capacity(expected.unwrap_or(4096).min(MAX_BODY));
    let answer = answer.insert(HttpResponse::new(head.status.as_u16(), bytes));
    for (name, value) in &head.headers {
        if let Ok(value) = value.to_str() {
            answer.set_header(name.as_str(), value);
        }
    }
    while answer.body.len() < MAX_BODY {
        let Some(frame) = body.frame().await.transpose()? else { break };
        // What is no data are trailers.
        let Ok(chunk) = frame.into_data() else { continue };
        let room = MAX_BODY.saturating_sub(answer.body.len());
        answer.body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
    }
    Ok(())
}

/// What went wrong: the connector's own word, or what broke.
fn failed(peer: &Peer, error: hyper_util::client::legacy::Error, is_connected: bool) -> SessionError {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(known) = cause {
        if let Some(said) = known.downcast_ref::<SessionError>() {
            return said.clone();
        }
        cause = known.source();
    }
    if is_connected { peer.broken(&error) } else { peer.unconnected(&io::Error::other(error)) }
}

#[cfg(test)]
mod tests;
