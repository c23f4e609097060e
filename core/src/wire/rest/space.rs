//! Requests for tokens: subscriber, refresh, guest, invite and embed (protocol.md 1.1 to 1.3).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::{Endpoint, bearer, fields};
use crate::error::Result;
use crate::secret::Secret;
use crate::wire::http::HttpRequest;
use crate::wire::text::encode;
use crate::wire::url::SecureUrl;

/// Host of embed tokens where the page names no other (protocol.md 1.3).
pub const EMBED_HOST: &str = "https://embeds.signalwire.com";

/// The only routing region that the API knows.
const REGION: &str = "us-central";

/// A SignalWire space and the project credentials for it: `https://{space}.signalwire.com`, Basic.
#[derive(Clone, Debug)]
pub struct Space {
    url: SecureUrl,
    authorization: Secret,
}

impl Space {
    /// Host of the space, project id and API token (scope Voice, Messaging, Fax or Video).
    ///
    /// # Errors
    /// [`crate::error::Error::InvalidUrl`] for a WebSocket URL, [`crate::error::Error::InvalidField`] for an empty project
    /// id or token, a colon in the project id, or characters that no header can carry.
    pub fn new(url: SecureUrl, project_id: &str, api_token: &Secret) -> Result<Self> {
        http_only(&url)?;
        fields::token("project_id", project_id)?;
        fields::check(!project_id.contains(':'), "project_id", "it must not contain a colon")?;
        fields::token("api_token", api_token.expose())?;
        let pair = Secret::new(format!("{project_id}:{}", api_token.expose()));
        let authorization = Secret::new(format!("Basic {}", STANDARD.encode(pair.expose())));
        Ok(Self { url, authorization })
    }

    /// Where it is.
    pub const fn url(&self) -> &SecureUrl {
        &self.url
    }

    fn post(&self, endpoint: Endpoint, body: &impl Serialize) -> HttpRequest {
        endpoint.request(&self.url, Some(self.authorization.clone()), Some(Secret::new(encode(body))))
    }
}

/// Creates or finds a subscriber and mints a token for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateSubscriberToken {
    /// The caller's stable id for the subscriber, often an email address. Required.
    pub reference: String,
    /// Thumbprint of the key that the token is to be bound to, 43 characters of base64url.
    pub fingerprint: Option<String>,
    /// Ask for the scope `sat:refresh`. Without a fingerprint the token then lives 60 s at most.
    pub scope_refresh: bool,
    /// End of the token, unix seconds; the server's default is two hours from now.
    pub expire_at: Option<u64>,
    /// UUID.
    pub application_id: Option<String>,
    /// Sets the subscriber's password; absent or empty leaves it as it is.
    pub password: Option<Secret>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Display name.
    pub display_name: Option<String>,
    /// Job title.
    pub job_title: Option<String>,
    /// Time zone.
    pub time_zone: Option<String>,
    /// Country.
    pub country: Option<String>,
    /// Company.
    pub company_name: Option<String>,
    /// Only `us-central`.
    pub region: Option<String>,
}

impl CreateSubscriberToken {
    /// Whether the server will cap the life at 60 s: the scope without a fingerprint. Worth a warning (R34).
    pub const fn is_short_lived(&self) -> bool {
        self.scope_refresh && self.fingerprint.is_none()
    }

    /// The request.
    ///
    /// # Errors
    /// [`crate::error::Error::InvalidField`] for a field that the server would refuse (R34).
    pub fn request(&self, space: &Space) -> Result<HttpRequest> {
        #[derive(Serialize)]
        struct Body<'a> {
            reference: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            fingerprint: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            scope: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            expire_at: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            application_id: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            password: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            first_name: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            last_name: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            display_name: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            job_title: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            time_zone: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            country: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            company_name: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            region: Option<&'a str>,
        }
        self.check()?;
        let body = Body {
            reference: &self.reference,
            fingerprint: self.fingerprint.as_deref(),
            scope: self.scope_refresh.then_some("sat:refresh"),
            expire_at: self.expire_at,
            application_id: self.application_id.as_deref(),
            password: self.password.as_ref().map(Secret::expose).filter(|password| !password.is_empty()),
            first_name: self.first_name.as_deref(),
            last_name: self.last_name.as_deref(),
            display_name: self.display_name.as_deref(),
            job_title: self.job_title.as_deref(),
            time_zone: self.time_zone.as_deref(),
            country: self.country.as_deref(),
            company_name: self.company_name.as_deref(),
            region: self.region.as_deref(),
        };
        Ok(space.post(Endpoint::CreateSubscriberToken, &body))
    }

    fn check(&self) -> Result<()> {
        fields::required("reference", &self.reference)?;
        fields::fingerprint(self.fingerprint.as_deref())?;
        fields::unix_seconds("expire_at", self.expire_at)?;
        if let Some(id) = &self.application_id {
            fields::uuid("application_id", id)?;
        }
        fields::optional("password", self.password.as_ref().map(Secret::expose))?;
        fields::optional("first_name", self.first_name.as_deref())?;
        fields::optional("last_name", self.last_name.as_deref())?;
        fields::optional("display_name", self.display_name.as_deref())?;
        fields::optional("job_title", self.job_title.as_deref())?;
        fields::optional("time_zone", self.time_zone.as_deref())?;
        fields::optional("country", self.country.as_deref())?;
        fields::optional("company_name", self.company_name.as_deref())?;
        region("region", self.region.as_deref())
    }
}

/// Exchanges a refresh token for a new token and a new refresh token (seed 003). The reply's refresh token
/// replaces the one that was sent, which must never be presented again (R12).
///
/// # Errors
/// [`crate::error::Error::InvalidField`] for an empty refresh token or one with blanks or controls.
pub fn refresh_subscriber_token(space: &Space, refresh_token: &Secret) -> Result<HttpRequest> {
    #[derive(Serialize)]
    struct Body<'a> {
        refresh_token: &'a str,
    }
    fields::token("refresh_token", refresh_token.expose())?;
    Ok(space.post(Endpoint::RefreshSubscriberToken, &Body { refresh_token: refresh_token.expose() }))
}

/// Mints a token for a guest, who may call the given addresses and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuestToken {
    /// One to ten UUIDs.
    pub allowed_addresses: Vec<String>,
    /// End of the token, unix seconds; the server's default is two hours from now.
    pub expire_at: Option<u64>,
    /// Only `us-central`.
    pub region: Option<String>,
    /// Routing override that the server writes into the token's header; only `us-central`.
    pub ch: Option<String>,
}

impl GuestToken {
    /// The request.
    ///
    /// # Errors
    /// [`crate::error::Error::InvalidField`] for a field that the server would refuse (R34).
    pub fn request(&self, space: &Space) -> Result<HttpRequest> {
        #[derive(Serialize)]
        struct Body<'a> {
            allowed_addresses: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            expire_at: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            region: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            ch: Option<&'a str>,
        }
        const FIELD: &str = "allowed_addresses";
        fields::check(!self.allowed_addresses.is_empty(), FIELD, "it must name an address")?;
        fields::check(self.allowed_addresses.len() <= 10, FIELD, "it must not name more than 10 addresses")?;
        for address in &self.allowed_addresses {
            fields::uuid(FIELD, address)?;
        }
        fields::unix_seconds("expire_at", self.expire_at)?;
        region("region", self.region.as_deref())?;
        region("ch", self.ch.as_deref())?;
        let body = Body {
            allowed_addresses: &self.allowed_addresses,
            expire_at: self.expire_at,
            region: self.region.as_deref(),
            ch: self.ch.as_deref(),
        };
        Ok(space.post(Endpoint::GuestToken, &body))
    }
}

/// Mints a token for somebody whom a subscriber invites to one of its addresses. Authorised by the subscriber's
/// own token; `expires_at` (unix seconds) has its plural s on the wire.
///
/// # Errors
/// [`crate::error::Error::InvalidUrl`] for a WebSocket URL, [`crate::error::Error::InvalidField`] where `address_id` is no
/// UUID, the time not in seconds, or the token not fit for a header.
pub fn invite_token(
    space: &SecureUrl,
    sat: &Secret,
    address_id: &str,
    expires_at: Option<u64>,
) -> Result<HttpRequest> {
    #[derive(Serialize)]
    struct Body<'a> {
        address_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_at: Option<u64>,
    }
    http_only(space)?;
    fields::token("token", sat.expose())?;
    fields::uuid("address_id", address_id)?;
    fields::unix_seconds("expires_at", expires_at)?;
    let body = Secret::new(encode(&Body { address_id, expires_at }));
    Ok(Endpoint::InviteToken.request(space, Some(bearer(sat)), Some(body)))
}

/// Exchanges a click-to-call token (`c2c_..`) for a guest's token, without any other authentication. The host
/// is [`EMBED_HOST`] or the caller's own.
///
/// # Errors
/// [`crate::error::Error::InvalidUrl`] for a WebSocket URL, [`crate::error::Error::InvalidField`] where the embed token is
/// empty or has blanks or controls.
pub fn embed_token(host: &SecureUrl, embed_token: &Secret) -> Result<HttpRequest> {
    #[derive(Serialize)]
    struct Body<'a> {
        token: &'a str,
    }
    http_only(host)?;
    fields::token("token", embed_token.expose())?;
    let body = Secret::new(encode(&Body { token: embed_token.expose() }));
    Ok(Endpoint::EmbedToken.request(host, None, Some(body)))
}

fn region(field: &'static str, region: Option<&str>) -> Result<()> {
    fields::check(region.is_none_or(|it| it == REGION), field, "the only region is `us-central`")
}

fn http_only(url: &SecureUrl) -> Result<()> {
    if url.is_websocket() {
        return Err(crate::error::Error::InvalidUrl { reason: "the scheme of a REST host must be https" });
    }
    Ok(())
}
