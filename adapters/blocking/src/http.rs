//! HTTP requests of a session: sent once, as they are, to where they say.

mod link;

use std::io::Read as _;
use std::time::Duration;

use satkeeper_core::error::Error as SessionError;
use satkeeper_core::wire::http::{self as wire, HttpRequest, HttpResponse, MAX_BODY};
use satkeeper_host::body::is_whole;
use satkeeper_host::peer::Peer;
use ureq::http::{HeaderName, HeaderValue, Method, Request, Response};
use ureq::{Agent, AsSendBody, Body, Error};

use crate::network::Network;
use link::{Dialing, Elsewhere};

/// A connection is of no use for long: renewals are minutes apart, and one that was idle while the machine
/// slept is dead without anybody knowing. Ureq lets go of it with the next request.
const IDLE: Duration = Duration::from_secs(15);

/// What ureq keeps for each direction of a connection; its own default is 128 KiB.
const BUFFER: usize = 16 * 1024;

/// Sends requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Http {
    agent: Agent,
    network: Network,
}

impl Http {
    pub(crate) fn new(network: Network) -> Self {
        let config = Agent::config_builder()
            // Every status is an answer, a redirect like any other: followed, it would carry body and proof to
            // whoever it names (R36).
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // The connector knows of proxies.
            .proxy(None)
            .user_agent(concat!("satkeeper/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("")
            .max_response_header_size(64 * 1024)
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .max_idle_age(IDLE)
            .max_idle_connections(4)
            .max_idle_connections_per_host(2)
            .build();
        Self { agent: Agent::with_parts(config, Dialing(network.clone()), Elsewhere), network }
    }

    /// Sends it and reads what comes, whatever the status, within this time.
    pub(crate) fn send(&self, request: &HttpRequest, within: Duration) -> Result<HttpResponse, SessionError> {
        let translated = translate(request)?;
        let answer = match &request.body {
            Some(body) => self.exchange(translated.map(|()| body.expose().as_bytes()), within),
            None => self.exchange(translated, within),
        };
        answer.map_err(|error| failed(&Peer::of(&request.url), error, within))
    }

    fn exchange(&self, request: Request<impl AsSendBody>, within: Duration) -> Result<HttpResponse, Error> {
        let request = self.agent.configure_request(request).timeout_global(Some(within)).build();
        receive(self.agent.run(request)?)
    }

    /// The machine is on another network: what is idle is dead.
    pub(crate) fn network_changed(&self) {
        self.network.changed();
    }

    /// Ends whatever is under way.
    pub(crate) fn shut_down(&self) {
        self.agent.clone().shutdown();
    }
}

/// All but the body.
fn translate(request: &HttpRequest) -> Result<Request<()>, SessionError> {
    let invalid =
        |field| SessionError::InvalidField { field, reason: "it has characters that no header may have" };
    let method = match request.method {
        wire::Method::Get => Method::GET,
        wire::Method::Post => Method::POST,
    };
    let mut translated = Request::new(());
    *translated.method_mut() = method;
    // Never quoted: its query may be a credential.
    *translated.uri_mut() = request
        .url
        .as_str()
        .parse()
        .map_err(|_| SessionError::InvalidUrl { reason: "it has characters that no request may have" })?;
    for (name, value) in &request.headers {
        // A token with a line end in it: refused here, never quoted.
        let mut value_of_header = HeaderValue::from_str(value.expose()).map_err(|_| invalid(name))?;
        value_of_header.set_sensitive(matches!(value, wire::HeaderValue::Secret(_)));
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            translated.headers_mut().append(name, value_of_header);
        }
    }
    Ok(translated)
}

/// Status, the headers that matter, and at most [`MAX_BODY`] bytes of the body: what is beyond is not read. A body that
/// breaks off when all of its JSON has come is as good as whole.
fn receive(response: Response<Body>) -> Result<HttpResponse, Error> {
    let (head, body) = response.into_parts();
    let mut bytes = Vec::with_capacity(4096);
    if let Err(error) = body.into_reader().take(MAX_BODY as u64).read_to_end(&mut bytes)
        && !is_whole(&bytes)
    {
        return Err(error.into());
    }
    let mut answer = HttpResponse::new(head.status.as_u16(), bytes);
    for (name, value) in &head.headers {
        if let Ok(value) = value.to_str() {
            answer.set_header(name.as_str(), value);
        }
    }
    Ok(answer)
}

/// What went wrong: the connector's own word, or what broke.
fn failed(peer: &Peer, error: Error, within: Duration) -> SessionError {
    match error {
        Error::Timeout(_) => peer.late("an HTTP request to", within),
        Error::BadUri(_) => SessionError::InvalidUrl { reason: "no request can be made of it" },
        Error::Io(error) => match error.downcast::<SessionError>() {
            Ok(said) => said,
            Err(error) => peer.broken(&error),
        },
        error => peer.broken(&error),
    }
}

#[cfg(test)]
mod tests;
