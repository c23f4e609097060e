//! Who is at the other end of a connection, and what is said where that cannot be reached: which host and port,
//! what happened, and what to do about it.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use rustls::{CertificateError, Error as TlsError};
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::wire::url::SecureUrl;

use crate::proxy::Proxy;
use crate::text::chain;

/// The other end of a connection: a server, or the proxy on the way to it.
///
/// ```
/// use satkeeper_core::wire::url::{Plain, SecureUrl};
/// use satkeeper_host::peer::Peer;
/// let peer = Peer::of(&SecureUrl::parse("wss://puc.signalwire.com", Plain::Never)?);
/// let refused = peer.unconnected(&std::io::ErrorKind::ConnectionRefused.into());
/// assert!(refused.to_string().starts_with("could not connect: puc.signalwire.com:443: connection refused"));
/// # Ok::<(), satkeeper_core::error::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    name: String,
    is_proxy: bool,
}

impl Peer {
    /// The server at this URL.
    #[must_use]
    pub fn of(url: &SecureUrl) -> Self {
        Self { name: format!("{}:{}", url.host(), url.port()), is_proxy: false }
    }

    /// This proxy.
    #[must_use]
    pub fn of_proxy(proxy: &Proxy) -> Self {
        Self { name: format!("the proxy {proxy}"), is_proxy: true }
    }

    /// Its name leads to no address.
    #[must_use]
    pub fn unresolved(&self, error: &io::Error) -> SessionError {
        match error.kind() {
            ErrorKind::TimedOut => self.unreachable(
                "its name was not resolved in time",
                "the resolver does not answer: check whether this machine can resolve names",
            ),
            _ => {
                self.unreachable(&chain(error), "check its name, and whether this machine can resolve names")
            }
        }
    }

    /// No address of it takes a connection.
    #[must_use]
    pub fn unconnected(&self, error: &io::Error) -> SessionError {
        let advice = match error.kind() {
            ErrorKind::ConnectionRefused => "check host and port: nothing listens there",
            ErrorKind::TimedOut if self.is_proxy => "check network and firewall",
            ErrorKind::TimedOut => {
                "check network and firewall, and whether there is only a way through a proxy"
            }
            _ => "check the network",
        };
        self.unreachable(&chain(error), advice)
    }

    /// There was no connection to it within this time, and nobody knows at what that hung.
    #[must_use]
    pub fn silent(&self, within: Duration) -> SessionError {
        let what = format!("no connection within {within:?}");
        self.unreachable(&what, "check the network, the firewall and what else is in between")
    }

    /// No TLS came to be, for want of trust or otherwise.
    #[must_use]
    pub fn unencrypted(&self, error: &io::Error) -> SessionError {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
        let advice = match (tls, error.kind()) {
            (Some(TlsError::InvalidCertificate(why)), _) => about_certificate(why),
            (Some(TlsError::AlertReceived(_)), _) => "it refuses how TLS is spoken here",
            (Some(_), _) => "check that it speaks TLS, and that nothing in between changes what it says",
            (None, ErrorKind::TimedOut) => {
                "it takes connections and does not go on: check what is in between"
            }
            (None, _) => "it ended the connection while TLS was being set up: check what is in between",
        };
        self.unreachable(&chain(error), advice)
    }

    /// It is spoken to in TLS, and nobody here could be trusted.
    #[must_use]
    pub fn untrusted(&self, why: &str) -> SessionError {
        SessionError::Unreachable { message: format!("{self}: {why}") }
    }

    /// It is of no use, for a reason of its own.
    pub(crate) fn unusable(&self, why: &str) -> SessionError {
        SessionError::Unreachable { message: format!("{self} {why}") }
    }

    /// A connection to it broke.
    #[must_use]
    pub fn broken(&self, error: &(dyn StdError + 'static)) -> SessionError {
        self.odd(&chain(error))
    }

    /// What came over a connection is not what should have come.
    #[must_use]
    pub fn odd(&self, what: &str) -> SessionError {
        SessionError::Transport { message: format!("{self}: {what}") }
    }

    /// Nothing came of this within this time.
    #[must_use]
    pub fn late(&self, what: &str, within: Duration) -> SessionError {
        let after_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        SessionError::Timeout { what: format!("{what} {self}").into(), after_ms }
    }

    fn unreachable(&self, what: &str, advice: &str) -> SessionError {
        let without = if self.is_proxy { ", or go without it (`no_proxy`, --no-proxy)" } else { "" };
        SessionError::Unreachable { message: format!("{self}: {what}; {advice}{without}") }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What to do about a certificate that is not accepted.
fn about_certificate(why: &CertificateError) -> &'static str {
    match why {
        CertificateError::UnknownIssuer => {
            "nobody here trusts the authority that signed it; if you do, name its certificate with `ca_pem` \
             (--ca-file)"
        }
        // As where a server for development has made itself a new authority by the old name.
        CertificateError::BadSignature => {
            "an authority of the same name is trusted, but it has another key; name the right certificate with \
             `ca_pem` (--ca-file)"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has to be renewed there, or the clock here is wrong"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the clock is wrong, here or where it was made"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name: check the host"
        }
        // Webpki's own error, by its name.
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "it is an authority's own (CA:TRUE, as `openssl req -x509` makes by default), which no server may show; \
             make it with `-addext basicConstraints=critical,CA:FALSE`, and name the new one with `ca_pem` (--ca-file)"
        }
        _ => "check it, and what is in between",
    }
}

#[cfg(test)]
mod tests {
    use super::Peer;
    use crate::proxy::Proxies;
    use crate::tls::Tls;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
    use rustls::crypto::aws_lc_rs;
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
    use rustls::{ClientConnection, ServerConfig, ServerConnection};
    use satkeeper_core::error::Error as SessionError;
    use satkeeper_core::wire::url::{Plain, SecureUrl};
    use std::io::{self, ErrorKind};
    use std::sync::Arc;
    use std::time::Duration;

    fn peer() -> Peer {
        Peer::of(&SecureUrl::parse("https://space.test", Plain::Never).unwrap())
    }

    // survives W19
    #[test]
    fn host_port_and_what_to_do_are_told() {
        let error = |kind: ErrorKind| io::Error::from(kind);
        for (told, word) in [
            (peer().unresolved(&io::Error::other("failed to lookup address information")), "resolve names"),
            (peer().unconnected(&error(ErrorKind::ConnectionRefused)), "nothing listens"),
            (peer().unconnected(&error(ErrorKind::NetworkUnreachable)), "check the network"),
            (peer().unresolved(&error(ErrorKind::TimedOut)), "the resolver does not answer"),
            (peer().unconnected(&error(ErrorKind::TimedOut)), "only a way through a proxy"),
            (peer().unencrypted(&error(ErrorKind::TimedOut)), "does not go on"),
            (peer().silent(Duration::from_secs(10)), "firewall"),
            (peer().unencrypted(&error(ErrorKind::UnexpectedEof)), "TLS"),
        ] {
            let text = told.to_string();
            assert!(matches!(told, SessionError::Unreachable { .. }), "{text}");
            assert!(text.starts_with("could not connect: space.test:443: ") && text.contains(word), "{text}");
            assert!(!text.contains("certificate") && !text.contains("proxy,"), "{text}");
        }
        let between = Proxies::through("http://between.test:3128").unwrap();
        let between =
            between.of(&SecureUrl::parse("https://space.test", Plain::Never).unwrap()).unwrap().unwrap();
        let told = Peer::of_proxy(&between).unconnected(&error(ErrorKind::TimedOut)).to_string();
        assert!(
            told.contains("the proxy http://between.test:3128: ") && !told.contains("way through"),
            "{told}"
        );
        let told = peer().late("an HTTP request to", Duration::from_millis(300)).to_string();
        assert_eq!(told, "no answer to an HTTP request to space.test:443 within 300 ms");
    }

    /// What a client says of a server that shows `certificate`, with `ca` as the authority.
    fn refused(certificate: &rcgen::Certificate, key: &KeyPair, ca: Option<&str>) -> Option<String> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        let tls = Tls::new(ca.map(str::as_bytes)).unwrap();
        let name = ServerName::try_from("space.test").unwrap();
        let mut client = ClientConnection::new(tls.config().ok()?, name).unwrap();
        let mut wire = Vec::new();
        while client.is_handshaking() {
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut &wire[..]).unwrap();
            let _ = server.process_new_packets();
            wire.clear();
            server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut &wire[..]).unwrap();
            if let Err(error) = client.process_new_packets() {
                let error = io::Error::new(ErrorKind::InvalidData, error);
                return Some(peer().unencrypted(&error).to_string());
            }
            wire.clear();
        }
        None
    }

    fn self_signed(name: &str, is_ca: IsCa) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["space.test".to_owned()]).unwrap();
        params.is_ca = is_ca;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        (params.self_signed(&key).unwrap(), key)
    }

    // survives W19
    #[test]
    fn a_certificate_that_is_not_accepted_says_what_to_do() {
        let (own, key) = self_signed("space.test", IsCa::ExplicitNoCa);
        // Anybody's: machines without roots of their own have none to compare with.
        for (name, word) in [("stranger", "nobody here trusts"), ("space.test", "another key")] {
            let (other, _) = self_signed(name, IsCa::Ca(BasicConstraints::Unconstrained));
            let told = refused(&own, &key, Some(&other.pem())).unwrap();
            assert!(told.contains("`ca_pem` (--ca-file)") && told.contains(word), "{told}");
        }
        assert_eq!(refused(&own, &key, Some(&own.pem())), None, "as the advice says");

        let (authority, key) = self_signed("space.test", IsCa::Ca(BasicConstraints::Unconstrained));
        let told = refused(&authority, &key, Some(&authority.pem())).unwrap();
        assert!(told.contains("CA:FALSE") && told.contains("space.test:443"), "{told}");
    }
}
