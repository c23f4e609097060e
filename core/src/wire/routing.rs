//! Which hosts serve a subscriber (R31).
//!
//! A token names one host, `ch`, and the official clients derive the other: `ch` less its first label, after
//! `fabric.`. Two things differ here, since the token itself is sent to what is derived:
//!
//! * A `ch` of two labels is refused, where they make `https://fabric.com` of `signalwire.com`. It needs three, or two
//!   under `.localhost`, which nobody can register; four where the last two are such as `co.uk`, names under which
//!   others register theirs. Known are the usual ones: `ac`, `co`, `com`, `edu`, `go`, `gob`, `gov`, `mil`, `ne`,
//!   `net`, `or` and `org` under a country's two letters. **Not** known are other public suffixes (`github.io`,
//!   `s3.amazonaws.com`): a list of [`AllowedHosts`] is what protects those who take tokens from others.
//! * A `ch` that is no host name is refused, where they connect to whatever a URL parser makes of it.
//!
//! A refusal, not the default host: a token that names a host of its own is none of the default host's business.
//! Whoever serves subscribers on a domain of two labels names the REST host in the configuration; then nothing is
//! derived.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use super::url::{Plain, SecureUrl};
use crate::error::{Error, Result};

/// The relay host where a token names none (SignalWire browser SDK v4).
pub const DEFAULT_CH: &str = "puc.signalwire.com";

/// Second labels under which a country's registrants have theirs.
const REGISTRIES: [&str; 12] =
    ["ac", "co", "com", "edu", "go", "gob", "gov", "mil", "ne", "net", "or", "org"];

/// The two hosts of a session: the WebSocket's and the subscriber-side REST API's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    relay: SecureUrl,
    fabric: SecureUrl,
}

/// What takes the place of the hosts that a token names, and which of those may be named.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules<'a> {
    /// Where the WebSocket is, whatever the token says; for a proxy or a test server.
    pub relay: Option<&'a SecureUrl>,
    /// Where the REST API is, whatever the token says.
    pub fabric: Option<&'a SecureUrl>,
    /// What a token may name; `None`: any host.
    pub allowed: Option<&'a AllowedHosts>,
}

impl Routing {
    /// From the header member `ch` of a token: `wss://{ch}` and `https://fabric.{ch without its first label}`,
    /// a port kept in both. Absent, empty or without a dot: [`DEFAULT_CH`] (R31).
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`] where `ch` is anything but a host name with an optional port, or has too few
    /// labels (see the [module](self)): it decides where the token is sent. The message does not repeat it.
    pub fn from_ch(ch: Option<&str>) -> Result<Self> {
        Self::resolve(ch, Rules::default())
    }

    /// The same under these rules. Of a host that is configured nothing is derived, and nothing is asked.
    ///
    /// # Errors
    /// As [`Routing::from_ch`]; [`Error::HostNotAllowed`] for a host of the token's that is not allowed;
    /// [`Error::InvalidUrl`] where the configured relay is not `wss` or `ws`, or the REST host not `https` or `http`.
    pub fn resolve(ch: Option<&str>, rules: Rules<'_>) -> Result<Self> {
        if rules.relay.is_some_and(|relay| !relay.is_websocket()) {
            return Err(Error::InvalidUrl { reason: "the relay's scheme must be wss" });
        }
        if rules.fabric.is_some_and(SecureUrl::is_websocket) {
            return Err(Error::InvalidUrl { reason: "the REST host's scheme must be https" });
        }
        let named = Named::parse(ch.unwrap_or_default())?;
        let derived = |url: Result<SecureUrl>| {
            let Ok(url) = url else { return hostile() };
            match rules.allowed {
                Some(allowed) if !allowed.allows(url.host()) => {
                    Err(Error::HostNotAllowed { host: url.host().to_owned() })
                }
                _ => Ok(url),
            }
        };
        let port = named.port;
        let relay = match rules.relay {
            Some(relay) => relay.clone(),
            None => derived(SecureUrl::parse(&format!("wss://{}{port}", named.host), Plain::Never))?,
        };
        let fabric = match rules.fabric {
            Some(fabric) => fabric.clone(),
            None => {
                let url = format!("https://fabric.{}{port}", named.domain()?);
                derived(SecureUrl::parse(&url, Plain::Never))?
            }
        };
        Ok(Self { relay, fabric })
    }

    /// Where the WebSocket is opened.
    pub const fn relay(&self) -> &SecureUrl {
        &self.relay
    }

    /// Where subscriber/info, devices/token and devices/refresh are.
    pub const fn fabric(&self) -> &SecureUrl {
        &self.fabric
    }
}

/// The host that a token names.
struct Named<'a> {
    host: &'a str,
    /// With its colon, or empty.
    port: &'a str,
}

impl<'a> Named<'a> {
    fn parse(ch: &'a str) -> Result<Self> {
        let (host, port) = ch.split_at(ch.find(':').unwrap_or(ch.len()));
        let digits = port.strip_prefix(':');
        if digits.is_some_and(|digits| digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit())) {
            return hostile();
        }
        if !host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.')) {
            return hostile();
        }
        if !host.contains('.') {
            return Ok(Self { host: DEFAULT_CH, port: "" });
        }
        // No top-level domain begins with a digit: that is an address, in whatever clothing.
        let is_address =
            host.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit()));
        if is_address || !is_host_name(host) {
            return hostile();
        }
        Ok(Self { host, port })
    }

    /// What `fabric.` is put before.
    fn domain(&self) -> Result<&'a str> {
        let domain = self.host.split_once('.').map_or("", |(_, domain)| domain);
        let is_ours = match domain.split_once('.') {
            None => domain.eq_ignore_ascii_case("localhost"),
            Some((second, top)) => {
                !(top.len() == 2 && REGISTRIES.iter().any(|it| it.eq_ignore_ascii_case(second)))
            }
        };
        if is_ours { Ok(domain) } else { too_short() }
    }
}

/// The hosts that tokens may name: of an application that takes them from others, and lets none of those choose where
/// it connects to. A port is not looked at.
///
/// ```
/// use satkeeper_core::wire::routing::{AllowedHosts, Routing, Rules};
/// let allowed = AllowedHosts::parse(["puc.signalwire.com", "*.example.com"])?;
/// assert!(allowed.allows("fabric.example.com") && !allowed.allows("example.com"));
/// let rules = Rules { allowed: Some(&allowed), ..Rules::default() };
/// // Its REST host is not among them.
/// let refused = Routing::resolve(Some("puc.signalwire.com"), rules).unwrap_err();
/// assert!(refused.to_string().contains("fabric.signalwire.com"));
/// # Ok::<(), satkeeper_core::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHosts(Arc<[String]>);

impl AllowedHosts {
    /// From host names, and names that begin with `*.`, which stand for every host below what follows, at any depth,
    /// and not for that itself. An empty list allows none: then only configured hosts are talked to.
    ///
    /// # Errors
    /// [`Error::InvalidField`] for anything else: a URL, a port, an address, a `*` elsewhere or before a single label.
    pub fn parse(hosts: impl IntoIterator<Item: AsRef<str>>) -> Result<Self> {
        let refuse = |reason| Err(Error::InvalidField { field: "allow_hosts", reason });
        let mut all = alloc::vec::Vec::new();
        for host in hosts {
            let host = host.as_ref().to_ascii_lowercase();
            let name = host.strip_prefix("*.");
            let below = name.unwrap_or(&host);
            if !is_host_name(below) {
                return refuse("it must be a host name, or one after `*.`, without scheme, port and path");
            }
            if name.is_some_and(|name| !name.contains('.') && name != "localhost") {
                return refuse("`*.` must stand before a name of two labels at least");
            }
            all.push(host);
        }
        Ok(Self(all.into()))
    }

    /// Whether this host may be named, written in whatever case.
    pub fn allows(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.0.iter().any(|allowed| match allowed.strip_prefix('*') {
            Some(below) => host.len() > below.len() && host.ends_with(below),
            None => host == *allowed,
        })
    }
}

fn is_host_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

fn hostile<T>() -> Result<T> {
    Err(Error::credentials("the token's routing header `ch` is not a host name"))
}

fn too_short<T>() -> Result<T> {
    Err(Error::credentials(
        "the token's routing header `ch` has too few labels to derive a REST host from; name that host (`fabric_url`)",
    ))
}
