//! HTTP requests of a session: sent once, as they are, to where they say.

use std::io::Read as _;
use std::time::Duration;

use satkeeper_core::error::Error as SessionError;
use satkeeper_core::wire::http::{self as wire, HttpRequest, HttpResponse, MAX_BODY};
use satkeeper_host::text::chain;
use satkeeper_host::tls::Tls;
use ureq::http::{HeaderName, HeaderValue, Method, Request, Response};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector as _, TcpConnector};
use ureq::{Agent, AsSendBody, Body, Error};

use crate::sealed::Sealing;

/// A connection is of no use for long: renewals are minutes apart, and one that was idle while the machine
/// slept is dead without anybody knowing. Ureq lets go of it with the next request.
const IDLE: Duration = Duration::from_secs(15);

/// What ureq keeps for each direction of a connection; its own default is 128 KiB.
const BUFFER: usize = 16 * 1024;

/// Sends requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Http {
    agent: Agent,
    tls: Tls,
}

impl Http {
    pub(crate) fn new(tls: Tls) -> Self {
        let config = Agent::config_builder()
            // Every status is an answer, a redirect like any other: followed, it would carry body and proof to
            // whoever it names (L50).
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .no_delay(true)
            .user_agent(concat!("satkeeper/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("")
            .max_response_header_size(64 * 1024)
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .max_idle_age(IDLE)
            .max_idle_connections(4)
            .max_idle_connections_per_host(2)
            .build();
        let connector = ().chain(TcpConnector::default()).chain(Sealing(tls.clone()));
        Self { agent: Agent::with_parts(config, connector, DefaultResolver::default()), tls }
    }

    /// Sends it and reads what comes, whatever the status, within this time.
    pub(crate) fn send(&self, request: &HttpRequest, within: Duration) -> Result<HttpResponse, SessionError> {
        if request.url.is_encrypted()
            && let Err(why) = self.tls.config()
        {
            return Err(SessionError::Transport { message: why.to_owned() });
        }
        let translated = translate(request)?;
        let answer = match &request.body {
            Some(body) => self.exchange(translated.map(|()| body.expose().as_bytes()), within),
            None => self.exchange(translated, within),
        };
        answer.map_err(|error| failed(&error, within))
    }

    fn exchange(&self, request: Request<impl AsSendBody>, within: Duration) -> Result<HttpResponse, Error> {
        let request = self.agent.configure_request(request).timeout_global(Some(within)).build();
        receive(self.agent.run(request)?)
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

/// Status, the headers that matter, and at most [`MAX_BODY`] bytes of the body: what is beyond is not read.
fn receive(response: Response<Body>) -> Result<HttpResponse, Error> {
    let (head, body) = response.into_parts();
    let mut bytes = Vec::with_capacity(4096);
    body.into_reader().take(MAX_BODY as u64).read_to_end(&mut bytes)?;
    let mut answer = HttpResponse::new(head.status.as_u16(), bytes);
    for (name, value) in &head.headers {
        if let Ok(value) = value.to_str() {
            answer.set_header(name.as_str(), value);
        }
    }
    Ok(answer)
}

/// What went wrong, without the URL: its query may be a credential.
fn failed(error: &Error, within: Duration) -> SessionError {
    let message = match error {
        Error::Timeout(_) => {
            let after_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
            return SessionError::Timeout { what: "an HTTP request", after_ms };
        }
        Error::BadUri(_) => "the URL is refused".to_owned(),
        Error::Io(error) => chain(error),
        error => chain(error),
    };
    SessionError::Transport { message }
}

#[cfg(test)]
mod tests;
