//! Requests on the fabric host: subscriber/info, devices/token, devices/refresh (protocol.md 1.4, 1.5).
//!
//! Proofs travel in the body (`dpop_token`), not in a `DPoP` header. The lifetime asked for is `expire_in`,
//! answered as `expires_in`.

use serde::Serialize;

use super::{Endpoint, bearer, fields};
use crate::error::Result;
use crate::secret::Secret;
use crate::wire::http::HttpRequest;
use crate::wire::text::encode;
use crate::wire::url::SecureUrl;

/// Lifetime that is asked of the server for a client-bound token, seconds (SignalWire browser SDK v4). A
/// constant of the policy: never derived from what the server answered (R34).
pub const DEVICE_TTL_S: u64 = 900;

/// Exchanges a token for a client-bound one. The proof has `htm` POST, `htu` the path, and an `ath` of the token only
/// for servers stricter than SignalWire's.
///
/// # Errors
/// [`crate::error::Error::InvalidField`] where the token is not fit for a header.
pub fn device_token(
    fabric: &SecureUrl,
    sat: &Secret,
    proof: &Secret,
    expire_in_s: u64,
) -> Result<HttpRequest> {
    exchange(Endpoint::DeviceToken, fabric, sat, proof, expire_in_s)
}

/// Renews a client-bound token, which authorises the request itself. The proof has an `ath` of that token.
///
/// # Errors
/// [`crate::error::Error::InvalidField`] where the token is not fit for a header.
pub fn device_refresh(
    fabric: &SecureUrl,
    bound: &Secret,
    proof: &Secret,
    expire_in_s: u64,
) -> Result<HttpRequest> {
    exchange(Endpoint::DeviceRefresh, fabric, bound, proof, expire_in_s)
}

/// Asks what the server knows of the token: scope, key, end.
///
/// # Errors
/// [`crate::error::Error::InvalidField`] where the token is not fit for a header.
pub fn subscriber_info(fabric: &SecureUrl, sat: &Secret) -> Result<HttpRequest> {
    fields::token("token", sat.expose())?;
    Ok(Endpoint::SubscriberInfo.request(fabric, Some(bearer(sat)), None))
}

fn exchange(
    endpoint: Endpoint,
    fabric: &SecureUrl,
    token: &Secret,
    proof: &Secret,
    expire_in: u64,
) -> Result<HttpRequest> {
    #[derive(Serialize)]
    struct Body<'a> {
        dpop_token: &'a str,
        expire_in: u64,
    }
    fields::token("token", token.expose())?;
    let body = Secret::new(encode(&Body { dpop_token: proof.expose(), expire_in }));
    Ok(endpoint.request(fabric, Some(bearer(token)), Some(body)))
}
