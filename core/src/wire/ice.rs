//! Servers for ICE, as results of connect, resume and reauthenticate name them (protocol.md 3.2), and when their
//! credentials end.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use super::connect::text;
use super::time::PLAUSIBLE;
use crate::secret::Secret;
use crate::time::UnixMillis;

/// Most servers.
const MOST: usize = 32;
/// Most bytes of all of them.
const MOST_BYTES: usize = 16 * 1_024;

pub(super) const TOO_LARGE: &str = "it is too large";

/// A server for ICE (RFC 8445), as WebRTC's `RTCIceServer` has it. Debug shows no credential, nor the user name that
/// is a part of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:`.
    pub urls: Vec<String>,
    /// For TURN.
    pub username: Option<Secret>,
    /// For TURN.
    pub credential: Option<Secret>,
    /// `password`, where the server says.
    pub credential_type: Option<String>,
}

impl IceServer {
    /// When a time-limited credential ends, in the server's time: the user name of one is `UNIX_TIME:…`, in seconds
    /// (coturn's `use-auth-secret`). A number that is no time of this age is a name.
    #[must_use]
    pub fn ends(&self) -> Option<UnixMillis> {
        let (seconds, _) = self.username.as_ref()?.expose().split_once(':')?;
        if seconds.len() > 12 || !seconds.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let ms = seconds.parse::<u64>().ok()?.saturating_mul(1_000);
        PLAUSIBLE.contains(&ms).then_some(UnixMillis(ms))
    }

    fn size(&self) -> usize {
        let secrets = self.username.iter().chain(&self.credential).map(Secret::len);
        let texts = self.urls.iter().chain(&self.credential_type).map(String::len);
        secrets.chain(texts).sum()
    }
}

/// All servers of a result, or why they are not kept: then the ones before stay.
pub(super) fn ice_servers(told: &Value) -> Result<Vec<IceServer>, &'static str> {
    let Value::Array(told) = told else { return Err("it is no list") };
    if told.len() > MOST {
        return Err(TOO_LARGE);
    }
    let secret = |server: &Value, member| text(server, member).map(Secret::new);
    let server = |server: &Value| IceServer {
        urls: match server.get("urls").or_else(|| server.get("url")) {
            Some(Value::String(url)) if !url.is_empty() => [url.clone()].into(),
            Some(Value::Array(urls)) => urls
                .iter()
                .filter_map(Value::as_str)
                .filter(|url| !url.is_empty())
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        },
        username: secret(server, "username"),
        credential: secret(server, "credential"),
        credential_type: text(server, "credentialType"),
    };
    let servers: Vec<IceServer> = told.iter().map(server).filter(|server| !server.urls.is_empty()).collect();
    if servers.is_empty() && !told.is_empty() {
        return Err("none of them names a URL");
    }
    if servers.iter().map(IceServer::size).sum::<usize>() > MOST_BYTES {
        return Err(TOO_LARGE);
    }
    Ok(servers)
}
