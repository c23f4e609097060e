//! What the endpoints answer.

use alloc::format;
use alloc::string::String;

use serde_json::Value;

use super::{Endpoint, HttpError, Subscriber};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::wire::connect::{Confirmation, has_refresh_scope, text};
use crate::wire::http::{HttpResponse, MAX_BODY};
use crate::wire::sat::MAX_TOKEN;
use crate::wire::text::{json, json_error};
use crate::wire::time::{Parsed, Unit, absolute, lifetime};

/// A token and what came with it; of any of the seven endpoints that give one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenReply {
    /// The token; never empty.
    pub token: Secret,
    /// A new one-time secret, from create, refresh and guest (R12).
    pub refresh_token: Option<Secret>,
    /// From create.
    pub subscriber_id: Option<String>,
    /// End of the token, from the device endpoints.
    pub expires_at: Parsed,
    /// Lifetime of the token, from the device endpoints.
    pub expires_in: Parsed,
}

impl TokenReply {
    /// Reads the answer of a token endpoint: any 2xx with a non-empty `token` counts (R34), whatever else is
    /// missing or mistyped. `secrets` are those of the request, to be cut out of errors.
    ///
    /// # Errors
    /// [`Error::Http`] for another status, [`Error::UnexpectedReply`] for a 2xx without a token.
    pub fn parse(endpoint: Endpoint, response: &HttpResponse, secrets: &[&Secret]) -> Result<Self> {
        let body = success_body(endpoint, response, secrets)?;
        let token = secret(&body, "token");
        Ok(Self {
            token: token.ok_or_else(|| Error::reply(endpoint.name(), "it has no usable `token`"))?,
            refresh_token: secret(&body, "refresh_token"),
            subscriber_id: text(&body, "subscriber_id"),
            expires_at: absolute(body.get("expires_at"), Unit::Seconds),
            expires_in: lifetime(body.get("expires_in")),
        })
    }

    /// The one-time secret of a 2xx whose token is of no use: the one that it replaces is spent all the same.
    pub(crate) fn orphaned_secret(response: &HttpResponse) -> Option<Secret> {
        let is_readable = response.is_success() && response.body.len() <= MAX_BODY;
        let body = is_readable.then(|| json(&response.body).ok())??;
        secret(&body, "refresh_token")
    }
}

/// What is read of subscriber/info.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscriberInfo {
    /// Who was asked about.
    pub subscriber: Subscriber,
    /// Whether the token carries `sat:refresh`. `sat_claims` is there only where a token has special
    /// capabilities, so its absence says no; `None` where it cannot be read.
    pub refreshable: Option<bool>,
    /// The key that the token is bound to.
    pub confirmation: Confirmation,
    /// End of the token.
    pub expires_at: Parsed,
}

impl SubscriberInfo {
    /// Reads the answer. `secrets` are those of the request, to be cut out of errors.
    ///
    /// # Errors
    /// [`Error::Http`] for a status outside 2xx (401 for a stale token), [`Error::UnexpectedReply`] for a body
    /// that is no JSON object.
    pub fn parse(response: &HttpResponse, secrets: &[&Secret]) -> Result<Self> {
        let body = success_body(Endpoint::SubscriberInfo, response, secrets)?;
        let subscriber = Subscriber::parse(&body);
        Ok(match body.get("sat_claims") {
            None | Some(Value::Null) => Self {
                subscriber,
                refreshable: Some(false),
                confirmation: Confirmation::None,
                expires_at: Parsed::ABSENT,
            },
            Some(claims) if claims.is_object() => Self {
                subscriber,
                refreshable: match claims.get("scope") {
                    None | Some(Value::Null) => Some(false),
                    Some(scope) => has_refresh_scope(scope),
                },
                confirmation: Confirmation::parse(claims.get("cnf")),
                expires_at: absolute(claims.get("expires_at"), Unit::Seconds),
            },
            Some(_) => Self { subscriber, ..Self::default() },
        })
    }
}

fn success_body(endpoint: Endpoint, response: &HttpResponse, secrets: &[&Secret]) -> Result<Value> {
    if !response.is_success() {
        return Err(HttpError::of(endpoint, response, secrets).into());
    }
    if response.body.len() > MAX_BODY {
        return Err(Error::reply(endpoint.name(), "its body exceeds 64 KiB"));
    }
    match json(&response.body) {
        Ok(body) if body.is_object() => Ok(body),
        Ok(_) => Err(Error::reply(endpoint.name(), "its body is no JSON object")),
        Err(error) => Err(Error::reply(endpoint.name(), format!("its body is {}", json_error(&error)))),
    }
}

/// A member that can be used as a token: a text without blanks or controls, of bounded length.
fn secret(body: &Value, member: &str) -> Option<Secret> {
    let text = body.get(member)?.as_str()?;
    let is_usable = !text.is_empty() && text.len() <= MAX_TOKEN && text.bytes().all(|b| b.is_ascii_graphic());
    is_usable.then(|| Secret::new(text))
}
