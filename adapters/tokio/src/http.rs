//! HTTP requests of a session: sent once, as they are, to where they say.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Response, redirect, retry};
use satkeeper_core::Tick;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::wire::http::{self as wire, HttpRequest, HttpResponse, MAX_BODY};
use satkeeper_host::text::chain;
use satkeeper_host::tls::{Tls, trusting_nobody};
use satkeeper_host::{Clock, Error};

/// A connection is of no use for long: renewals are minutes apart, and one that was idle while the machine
/// slept is dead without anybody knowing.
const IDLE: Duration = Duration::from_secs(15);

/// Sends requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client,
    tls: Tls,
}

impl Http {
    pub(crate) fn new(tls: Tls) -> Result<Self, Error> {
        let mut config = match tls.config() {
            Ok(config) => config.as_ref().clone(),
            Err(_) => trusting_nobody()?,
        };
        // Reqwest leaves a configuration that it is given as it is. WebSockets are HTTP/1.1 only and have none.
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let client = Client::builder()
            .tls_backend_preconfigured(config)
            // A redirect would carry body, proof and Referer to whoever the answer names (L50).
            .redirect(redirect::Policy::none())
            .referer(false)
            // A repeated request would repeat its proof, which is spent (L45).
            .retry(retry::never())
            .no_proxy()
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(2)
            .tcp_nodelay(true)
            .http2_max_header_list_size(64 * 1024)
            .user_agent(concat!("satkeeper/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::Setup { message: told(error) })?;
        Ok(Self { client, tls })
    }

    /// Sends it and reads what comes, whatever the status, until the deadline.
    pub(crate) async fn send(
        self,
        request: HttpRequest,
        deadline: Tick,
        clock: Clock,
    ) -> Result<HttpResponse, SessionError> {
        let left = clock.until(deadline);
        let answer = tokio::time::timeout(left, self.exchange(request)).await;
        answer.unwrap_or_else(|_| {
            let after_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            Err(SessionError::Timeout { what: "an HTTP request", after_ms })
        })
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, SessionError> {
        if request.url.is_encrypted()
            && let Err(why) = self.tls.config()
        {
            return Err(SessionError::Transport { message: why.to_owned() });
        }
        let request = self.translate(&request)?;
        let response = self.client.execute(request).await.map_err(failed)?;
        receive(response).await
    }

    fn translate(&self, request: &HttpRequest) -> Result<reqwest::Request, SessionError> {
        let method = match request.method {
            wire::Method::Get => Method::GET,
            wire::Method::Post => Method::POST,
        };
        let mut headers = HeaderMap::with_capacity(request.headers.len());
        for (name, value) in &request.headers {
            // A token with a line end in it: refused here, never quoted.
            let mut translated =
                HeaderValue::from_str(value.expose()).map_err(|_| SessionError::InvalidField {
                    field: name,
                    reason: "it has characters that no header may have",
                })?;
            translated.set_sensitive(matches!(value, wire::HeaderValue::Secret(_)));
            if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                headers.append(name, translated);
            }
        }
        let mut builder = self.client.request(method, request.url.as_str()).headers(headers);
        if let Some(body) = &request.body {
            builder = builder.body(body.expose().to_owned());
        }
        builder.build().map_err(failed)
    }
}

/// Status, the headers that matter, and at most [`MAX_BODY`] bytes of the body: what is beyond is not read.
async fn receive(mut response: Response) -> Result<HttpResponse, SessionError> {
    let expected = response.content_length().and_then(|length| usize::try_from(length).ok());
    let mut body = Vec::with_capacity(expected.unwrap_or(4096).min(MAX_BODY));
    while body.len() < MAX_BODY {
        let Some(chunk) = response.chunk().await.map_err(failed)? else { break };
        let room = MAX_BODY.saturating_sub(body.len());
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
    }
    let mut answer = HttpResponse::new(response.status().as_u16(), body);
    for (name, value) in response.headers() {
        if let Ok(value) = value.to_str() {
            answer.set_header(name.as_str(), value);
        }
    }
    Ok(answer)
}

fn failed(error: reqwest::Error) -> SessionError {
    SessionError::Transport { message: told(error) }
}

/// What went wrong, without the URL: its query may be a credential.
fn told(error: reqwest::Error) -> String {
    chain(&error.without_url())
}

#[cfg(test)]
mod tests;
