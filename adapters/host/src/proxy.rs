//! Whether a connection goes through a proxy, and through which.

mod bypass;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::secret::Secret;
use satkeeper_core::wire::url::SecureUrl;
use url::Url;
use zeroize::Zeroizing;

use crate::error::Error;
use bypass::{Bypass, bare, is_loopback};

/// Where a proxy is named, in the order in which it is looked for. `HTTP_PROXY` is not among them: what is sent in
/// plain goes to loopback, and that goes through no proxy.
const VARIABLES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// Where is named what goes without.
const EXCEPTIONS: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// What a session is to do about proxies. Cheap to clone.
///
/// ```
/// use satkeeper_core::wire::url::{Plain, SecureUrl};
/// use satkeeper_host::Proxies;
/// let proxies = Proxies::through("http://user:password@proxy.example.com:3128")?;
/// let (there, here) = ("https://example.signalwire.com", "https://localhost:8443");
/// let [there, here] = [there, here].map(|url| SecureUrl::parse(url, Plain::Never));
/// let proxy = proxies.of(&there?)?.expect("one");
/// assert_eq!(proxy.to_string(), "http://proxy.example.com:3128");
/// assert!(proxies.of(&here?)?.is_none(), "loopback goes through none");
/// # Ok::<(), satkeeper_host::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    way: Way,
    bypass: Arc<Bypass>,
}

#[derive(Clone, Debug, Default)]
enum Way {
    #[default]
    Direct,
    Through(Arc<Proxy>),
    /// The environment names one that cannot be used.
    Unusable {
        variable: &'static str,
        reason: &'static str,
    },
}

impl Proxies {
    /// Those of the environment: `https_proxy`, `HTTPS_PROXY`, `all_proxy`, `ALL_PROXY`, the first that is not
    /// empty; without what `no_proxy` or `NO_PROXY` lists: names with all below them, addresses, networks
    /// (`10.0.0.0/8`), each with a port or without, or `*`. Reads it now and not again.
    #[must_use]
    pub fn from_env() -> Self {
        Self::read(|name| std::env::var(name).ok())
    }

    /// None.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// This one for everything but loopback: `http://` or `https://`, with credentials or without. A name alone
    /// stands for `http://`.
    ///
    /// # Errors
    /// [`SessionError::InvalidField`], which does not repeat it.
    pub fn through(url: &str) -> Result<Self, Error> {
        let proxy =
            Proxy::parse(url).map_err(|reason| SessionError::InvalidField { field: "proxy", reason })?;
        Ok(Self { way: Way::Through(Arc::new(proxy)), bypass: Arc::default() })
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &'static [&'static str]| {
            names.iter().find_map(|name| {
                let value = variable(name)?.trim().to_owned();
                (!value.is_empty()).then_some((*name, value))
            })
        };
        let Some((variable, url)) = first(&VARIABLES) else { return Self::none() };
        let way = match Proxy::parse(&url) {
            Ok(proxy) => Way::Through(Arc::new(proxy)),
            Err(reason) => Way::Unusable { variable, reason },
        };
        let exceptions = first(&EXCEPTIONS).map(|(_, list)| list).unwrap_or_default();
        Self { way, bypass: Arc::new(Bypass::parse(&exceptions)) }
    }

    /// The proxy that a connection to this URL goes through.
    ///
    /// # Errors
    /// [`SessionError::Unreachable`] where the environment names one that cannot be used: to go without would be
    /// against what it says.
    pub fn of(&self, url: &SecureUrl) -> Result<Option<Arc<Proxy>>, SessionError> {
        let host = url.bare_host();
        if !url.is_encrypted() || is_loopback(host) || self.bypass.covers(host, url.port()) {
            return Ok(None);
        }
        match &self.way {
            Way::Direct => Ok(None),
            Way::Through(proxy) => Ok(Some(Arc::clone(proxy))),
            Way::Unusable { variable, reason } => Err(SessionError::Unreachable {
                message: format!(
                    "the proxy in {variable} cannot be used ({reason}); set another, name {host} in NO_PROXY, or \
                     go without (`no_proxy`, on the command line --no-proxy)"
                ),
            }),
        }
    }
}

/// A proxy that connects to others when asked (`CONNECT`). Display and Debug leave its credentials out.
pub struct Proxy {
    is_encrypted: bool,
    host: String,
    port: u16,
    authorization: Option<Secret>,
}

impl Proxy {
    fn parse(text: &str) -> Result<Self, &'static str> {
        // A URL parser would drop some of them.
        if text.bytes().any(|byte| byte <= b' ' || byte == b'\\') {
            return Err("its URL has blanks, controls or backslashes");
        }
        let whole =
            Zeroizing::new(if text.contains("://") { text.to_owned() } else { format!("http://{text}") });
        let url = Url::parse(&whole).map_err(|_| "it is no URL")?;
        let is_encrypted = match url.scheme() {
            "http" => false,
            "https" => true,
            scheme if scheme.starts_with("socks") => {
                return Err("it is a SOCKS proxy; only http and https are known");
            }
            _ => return Err("its scheme is not http or https"),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("its URL has no host")?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err("its URL has a path, which no proxy has");
        }
        let port = url.port_or_known_default().filter(|port| *port != 0).ok_or("its port is 0")?;
        let decoded = |part: &str| percent_decode_str(part).collect::<Vec<u8>>();
        let authorization = (!url.username().is_empty() || url.password().is_some()).then(|| {
            let mut pair = Zeroizing::new(decoded(url.username()));
            pair.push(b':');
            pair.extend_from_slice(&Zeroizing::new(decoded(url.password().unwrap_or_default())));
            Secret::new(format!("Basic {}", STANDARD.encode(&*pair)))
        });
        Ok(Self { is_encrypted, host: host.to_owned(), port, authorization })
    }

    /// Whether it is spoken to through TLS.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// Its name or address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        bare(&self.host)
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) const fn authorization(&self) -> Option<&Secret> {
        self.authorization.as_ref()
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::{Proxies, Proxy};
    use satkeeper_core::wire::url::{Plain, SecureUrl};

    fn of(variables: &[(&str, &str)], url: &str) -> Result<Option<String>, String> {
        let proxies = Proxies::read(|wanted| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        });
        let url = SecureUrl::parse(url, Plain::Loopback).unwrap();
        match proxies.of(&url) {
            Ok(proxy) => Ok(proxy.map(|proxy| proxy.to_string())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Variables, where to go, and through which proxy.
    type Row = (&'static [(&'static str, &'static str)], &'static str, Result<Option<String>, String>);

    // survives W14
    #[test]
    fn the_environment_is_read_as_others_read_it() {
        let there = "https://space.signalwire.com";
        let proxy = |name: &str| Ok(Some(format!("http://{name}:3128")));
        let table: [Row; 15] = [
            (&[], there, Ok(None)),
            (&[("HTTPS_PROXY", "http://a:3128")], there, proxy("a")),
            (&[("https_proxy", "http://a:3128"), ("HTTPS_PROXY", "http://b:3128")], there, proxy("a")),
            (&[("https_proxy", " "), ("HTTPS_PROXY", "b:3128")], there, proxy("b")),
            (&[("ALL_PROXY", "http://a:3128")], "wss://puc.signalwire.com", proxy("a")),
            (&[("all_proxy", "socks5h://a:1"), ("HTTPS_PROXY", "http://b:3128")], there, proxy("b")),
            (&[("HTTP_PROXY", "http://a:3128"), ("WSS_PROXY", "http://a:3128")], there, Ok(None)),
            (
                &[("HTTPS_PROXY", "http://a:3128"), ("NO_PROXY", "other.com, .signalwire.com")],
                there,
                Ok(None),
            ),
            (&[("HTTPS_PROXY", "http://a:3128"), ("no_proxy", "*")], there, Ok(None)),
            (&[("HTTPS_PROXY", "http://a:3128"), ("no_proxy", "wire.com")], there, proxy("a")),
            (&[("HTTPS_PROXY", "http://a:3128")], "https://127.0.0.1:1", Ok(None)),
            (&[("HTTPS_PROXY", "http://a:3128")], "https://[::1]:1", Ok(None)),
            (&[("HTTPS_PROXY", "http://a:3128")], "wss://relay.localhost:1", Ok(None)),
            (&[("HTTPS_PROXY", "socks5://a:1")], "https://localhost", Ok(None)),
            (&[("HTTPS_PROXY", "http://[::2]:3128")], there, proxy("[::2]")),
        ];
        for (variables, url, wanted) in table {
            assert_eq!(of(variables, url), wanted, "{variables:?} {url}");
        }
        let told = of(&[("ALL_PROXY", "socks5://user:hush@a:1")], there).unwrap_err();
        assert!(
            told.contains("ALL_PROXY") && told.contains("SOCKS") && told.contains("--no-proxy"),
            "{told}"
        );
        assert!(!told.contains("hush"), "{told}");
    }

    // survives W14
    #[test]
    fn a_proxy_is_a_host_and_a_port() {
        for (text, shown) in [
            ("http://proxy.test", "http://proxy.test:80"),
            ("https://proxy.test/", "https://proxy.test:443"),
            ("user:hush@proxy.test:8080", "http://proxy.test:8080"),
            ("10.0.0.1:3128", "http://10.0.0.1:3128"),
        ] {
            let proxy = Proxy::parse(text).unwrap();
            assert_eq!(proxy.to_string(), shown);
            assert_eq!(format!("{proxy:?}"), format!("Proxy({shown})"));
        }
        for text in [
            "",
            "http://",
            "ftp://a",
            "socks5://a:1",
            "http://a/pac.js",
            "http://a b",
            "http://a:0",
            "http://a:99999",
        ] {
            assert!(Proxy::parse(text).is_err(), "{text}");
            assert_eq!(Proxies::through(text).unwrap_err().code(), "invalid_field", "{text}");
        }
    }
}
