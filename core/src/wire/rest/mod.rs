//! The eight REST endpoints of subscriber tokens (protocol.md 1): requests out, replies in.

mod device;
mod fields;
mod http_error;
mod reply;
mod space;
mod subscriber;

pub use device::{DEVICE_TTL_S, device_refresh, device_token, subscriber_info};
pub use fields::is_fingerprint;
pub use http_error::{ApiErrorEntry, HttpError};
pub use reply::{SubscriberInfo, TokenReply};
pub use space::{
    CreateSubscriberToken, EMBED_HOST, GuestToken, Space, embed_token, invite_token, refresh_subscriber_token,
};
pub use subscriber::{Address, Subscriber};

use alloc::format;
use alloc::vec;

use super::http::{HeaderValue, HttpRequest, Method};
use super::url::SecureUrl;
use crate::secret::Secret;

/// One of the REST endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Endpoint {
    /// Create or find a subscriber and mint a token; Basic.
    CreateSubscriberToken,
    /// Rotate a subscriber's refresh token; Basic.
    RefreshSubscriberToken,
    /// Mint a guest's token; Basic.
    GuestToken,
    /// Mint an invited guest's token; a subscriber's Bearer.
    InviteToken,
    /// Exchange an embed token; no authentication besides it.
    EmbedToken,
    /// Exchange a token for a client-bound one; Bearer and proof.
    DeviceToken,
    /// Renew a client-bound token; Bearer and proof.
    DeviceRefresh,
    /// What the server says of subscriber and token; Bearer.
    SubscriberInfo,
}

impl Endpoint {
    /// Method, also the `htm` of a proof.
    pub const fn method(self) -> Method {
        match self {
            Self::SubscriberInfo => Method::Get,
            _ => Method::Post,
        }
    }

    /// Path below the host; also the `htu` of a proof in the official client's form.
    pub const fn path(self) -> &'static str {
        match self {
            Self::CreateSubscriberToken => "/api/fabric/subscribers/tokens",
            Self::RefreshSubscriberToken => "/api/fabric/subscribers/tokens/refresh",
            Self::GuestToken => "/api/fabric/guests/tokens",
            Self::InviteToken => "/api/fabric/subscriber/invites",
            Self::EmbedToken => "/api/fabric/embeds/tokens",
            Self::DeviceToken => "/api/fabric/subscriber/devices/token",
            Self::DeviceRefresh => "/api/fabric/subscriber/devices/refresh",
            Self::SubscriberInfo => "/api/fabric/subscriber/info",
        }
    }

    /// Short name for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateSubscriberToken => "create subscriber token",
            Self::RefreshSubscriberToken => "refresh subscriber token",
            Self::GuestToken => "guest token",
            Self::InviteToken => "invite token",
            Self::EmbedToken => "embed token",
            Self::DeviceToken => "devices/token",
            Self::DeviceRefresh => "devices/refresh",
            Self::SubscriberInfo => "subscriber/info",
        }
    }

    /// The URL on a host.
    pub fn url(self, host: &SecureUrl) -> SecureUrl {
        host.with_path(self.path())
    }

    fn request(self, host: &SecureUrl, authorization: Option<Secret>, body: Option<Secret>) -> HttpRequest {
        // An encoded body could not be read; who is not asked may choose one (RFC 9110, 12.5.3).
        let mut headers = vec![
            ("accept", HeaderValue::Plain("application/json")),
            ("accept-encoding", HeaderValue::Plain("identity")),
        ];
        if body.is_some() {
            headers.push(("content-type", HeaderValue::Plain("application/json")));
        }
        if let Some(authorization) = authorization {
            headers.push(("authorization", HeaderValue::Secret(authorization)));
        }
        HttpRequest { method: self.method(), url: self.url(host), headers, body }
    }
}

fn bearer(token: &Secret) -> Secret {
    Secret::new(format!("Bearer {}", token.expose()))
}
