//! The eight REST endpoints of subscriber tokens (protocol.md 1): requests out, replies in.

mod device;
mod fields;
mod http_error;
mod reply;
mod space;
mod subscriber;

pub use super::endpoint::Endpoint;
pub use crate::error::{ApiErrorEntry, HttpError};
pub use device::{DEVICE_TTL_S, device_refresh, device_token, subscriber_info};
pub use fields::is_fingerprint;
pub use reply::{SubscriberInfo, TokenReply};
pub use space::{
    CreateSubscriberToken, EMBED_HOST, GuestToken, Space, embed_token, invite_token, refresh_subscriber_token,
};
pub use subscriber::{Address, Subscriber};

use alloc::format;
use alloc::vec;

use super::http::{HeaderValue, HttpRequest};
use super::url::SecureUrl;
use crate::secret::Secret;

impl Endpoint {
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
