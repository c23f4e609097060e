//! What a session sends, read as what it asks for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use satkeeper_core::lifecycle::KeyAlgorithm;
use satkeeper_core::wire::http::HttpRequest;
use serde_json::Value;

use super::keys;
use super::numbers::{secret, serial, signed_at};
use crate::client::{Ask, Socket};

const INFO: &str = "/api/fabric/subscriber/info";
const DEVICE_TOKEN: &str = "/api/fabric/subscriber/devices/token";
const DEVICE_REFRESH: &str = "/api/fabric/subscriber/devices/refresh";
const CREATE: &str = "/api/fabric/subscribers/tokens";
const REFRESH: &str = "/api/fabric/subscribers/tokens/refresh";

/// An HTTP request.
///
/// # Panics
/// Where no server of SignalWire's would know what it is.
pub(super) fn request(request: &HttpRequest) -> Ask {
    let body = request.body.as_ref().map_or(Value::Null, |body| {
        serde_json::from_str(body.expose()).unwrap_or_else(|error| panic!("a body that is no JSON: {error}"))
    });
    let bearer = || {
        let header = request.headers.iter().find(|(name, _)| *name == "authorization");
        let token = header.and_then(|(_, value)| value.expose().strip_prefix("Bearer ").and_then(serial));
        token.unwrap_or_else(|| panic!("a request with no token of this world"))
    };
    match request.url.path() {
        INFO => Ask::Inspect(bearer()),
        DEVICE_TOKEN => Ask::Activate(bearer(), signed_at(&body["dpop_token"])),
        DEVICE_REFRESH => Ask::Renew(bearer(), signed_at(&body["dpop_token"])),
        CREATE => Ask::Mint,
        REFRESH => Ask::Refresh { secret: body["refresh_token"].as_str().and_then(secret) },
        path => panic!("a request to {path}"),
    }
}

/// The RFC 7638 thumbprint of the key that a request's proof is by.
pub(super) fn signing_key(request: &HttpRequest) -> Option<String> {
    let proof = member(request, "dpop_token")?;
    let header = URL_SAFE_NO_PAD.decode(proof.split('.').next()?).ok()?;
    let header: Value = serde_json::from_slice(&header).ok()?;
    let algorithm = if header["alg"] == "ES256" { KeyAlgorithm::Es256 } else { KeyAlgorithm::Rs256 };
    Some(keys::key(algorithm).ok()?.thumbprint().to_owned())
}

/// The fingerprint that a token is asked for with.
pub(super) fn fingerprint(request: &HttpRequest) -> Option<String> {
    member(request, "fingerprint")
}

fn member(request: &HttpRequest, name: &str) -> Option<String> {
    let body: Value = serde_json::from_str(request.body.as_ref()?.expose()).ok()?;
    body[name].as_str().map(str::to_owned)
}

/// A frame, and the id that its answer must carry.
///
/// # Panics
/// Where no server of SignalWire's would know what it is.
pub(super) fn frame(socket: Socket, text: &str) -> (Ask, Option<String>) {
    // What answers the server, as most frames do, has none.
    if !text.contains("\"method\"") {
        return (Ask::Frame(socket), None);
    }
    let frame: Value =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("a frame that is no JSON: {error}"));
    let params = &frame["params"];
    let token = || {
        let token = params["authentication"]["jwt_token"].as_str().and_then(serial);
        token.unwrap_or_else(|| panic!("a frame with no token of this world"))
    };
    let ask = match frame["method"].as_str() {
        None => return (Ask::Frame(socket), None),
        Some("signalwire.connect") => {
            let resume = params["authorization_state"].is_string();
            // The server wants both or neither.
            assert_eq!(resume, params["protocol"].is_string(), "a resume without its protocol");
            Ask::Connect { socket, token: token(), resume, proof: signed_at(&params["dpop_token"]) }
        }
        Some("signalwire.reauthenticate") => Ask::Push(socket, token(), signed_at(&params["dpop_token"])),
        Some("signalwire.ping") => Ask::Ping(socket),
        Some(method) => panic!("a call of {method}"),
    };
    (ask, frame["id"].as_str().map(str::to_owned))
}
