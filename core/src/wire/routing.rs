//! Which hosts serve a subscriber (L32).

use alloc::format;

use super::url::{Plain, SecureUrl};
use crate::error::{Error, Result};

/// The relay host where a token names none (SignalWire browser SDK v4).
pub const DEFAULT_CH: &str = "puc.signalwire.com";

/// The two hosts of a session: the WebSocket's and the subscriber-side REST API's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    relay: SecureUrl,
    fabric: SecureUrl,
}

impl Routing {
    /// From the header member `ch` of a token: `wss://{ch}` and `https://fabric.{ch without its first label}`,
    /// a port kept in both. Absent, empty or without a dot: [`DEFAULT_CH`] (L32).
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`] where `ch` is anything but a host name with an optional port: it decides
    /// where the token is sent. The message does not repeat it.
    pub fn from_ch(ch: Option<&str>) -> Result<Self> {
        let ch = ch.unwrap_or_default();
        let (host, port) = match ch.split_once(':') {
            None => (ch, None),
            Some((host, port)) => (host, Some(port)),
        };
        if !host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.')) {
            return hostile();
        }
        if port.is_some_and(|port| port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit())) {
            return hostile();
        }
        if host.len() > 253 || (host.contains('.') && host.split('.').any(is_no_label)) {
            return hostile();
        }
        let Some((_, domain)) = host.split_once('.') else {
            return Self::of(DEFAULT_CH, "signalwire.com", None);
        };
        Self::of(host, domain, port)
    }

    /// The same with another relay, for a proxy or a test server.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`] where the scheme is not `wss` or `ws`.
    pub fn with_relay(self, relay: SecureUrl) -> Result<Self> {
        if !relay.is_websocket() {
            return Err(Error::InvalidUrl { reason: "the relay's scheme must be wss" });
        }
        Ok(Self { relay, ..self })
    }

    /// The same with another REST host, for a proxy or a test server.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`] where the scheme is not `https` or `http`.
    pub fn with_fabric(self, fabric: SecureUrl) -> Result<Self> {
        if fabric.is_websocket() {
            return Err(Error::InvalidUrl { reason: "the REST host's scheme must be https" });
        }
        Ok(Self { fabric, ..self })
    }

    /// Where the WebSocket is opened.
    pub const fn relay(&self) -> &SecureUrl {
        &self.relay
    }

    /// Where subscriber/info, devices/token and devices/refresh are.
    pub const fn fabric(&self) -> &SecureUrl {
        &self.fabric
    }

    fn of(host: &str, domain: &str, port: Option<&str>) -> Result<Self> {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let relay = SecureUrl::parse(&format!("wss://{host}{port}"), Plain::Never);
        let fabric = SecureUrl::parse(&format!("https://fabric.{domain}{port}"), Plain::Never);
        match (relay, fabric) {
            (Ok(relay), Ok(fabric)) => Ok(Self { relay, fabric }),
            _ => hostile(),
        }
    }
}

fn is_no_label(label: &str) -> bool {
    label.is_empty() || label.len() > 63 || label.starts_with('-') || label.ends_with('-')
}

fn hostile<T>() -> Result<T> {
    Err(Error::credentials("the token's routing header `ch` is not a host name"))
}
