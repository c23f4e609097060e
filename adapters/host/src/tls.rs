//! One TLS configuration for HTTP and WebSocket alike.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientConfig, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ConfigBuilder, RootCertStore, WantsVerifier, version};
use rustls_platform_verifier::Verifier;

use crate::error::Error;

/// Whom sessions trust, read anew for each connection. Cheap to clone; all clones trust the same.
///
/// ```
/// use satkeeper_host::{Error, tls::Tls};
/// assert!(matches!(Tls::new(Some(b"no certificate")), Err(Error::Certificate { .. })));
/// let tls = Tls::new(None)?;
/// assert!(tls.trust(Some(b"no certificate")).is_err(), "and all stays as it was");
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Tls {
    config: Arc<RwLock<Usable>>,
}

/// A configuration, or why there is none.
type Usable = Result<Arc<ClientConfig>, Arc<str>>;

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("usable", &self.config().is_ok()).finish_non_exhaustive()
    }
}

impl Tls {
    /// Trusts the platform's roots and those in `ca_pem`.
    ///
    /// A machine without roots of its own is no error here: with `ca_pem` they are not needed, and a session
    /// over plain loopback needs none at all. Where one is needed, [`Tls::config`] says what is missing.
    ///
    /// # Errors
    /// [`Error::Certificate`] where `ca_pem` is no such thing, [`Error::Setup`].
    pub fn new(ca_pem: Option<&[u8]>) -> Result<Self, Error> {
        Ok(Self { config: Arc::new(RwLock::new(usable(ca_pem)?)) })
    }

    /// From now on trusts the platform's roots, read anew, and those in `ca_pem`, in place of all before. With them go
    /// the TLS sessions that could be resumed: no connection begins on the word of a certificate that was judged by
    /// other roots. Those that are open stay open.
    ///
    /// # Errors
    /// As [`Tls::new`], and [`Error::Setup`] where nobody would be trusted: then all stays as it was.
    pub fn trust(&self, ca_pem: Option<&[u8]>) -> Result<(), Error> {
        let new = usable(ca_pem)?.map_err(|why| Error::Setup { message: why.to_string() })?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Ok(new);
        Ok(())
    }

    /// The configuration for one more connection, or why there is none.
    ///
    /// # Errors
    /// What is missing, to be told to a person.
    pub fn config(&self) -> Result<Arc<ClientConfig>, Arc<str>> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Each configuration has TLS sessions of its own to resume.
fn usable(ca_pem: Option<&[u8]>) -> Result<Usable, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let extra = ca_pem.map(certificates).transpose()?.unwrap_or_default();
    Ok(match verifier(extra, &provider)? {
        Ok(verifier) => Ok(Arc::new(
            versions(provider)?.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth(),
        )),
        Err(why) => Err(why),
    })
}

/// The platform's verifier. Outside `Err`: `extra` is unusable; inside: the platform has nothing to offer.
type Verdict = Result<Result<Arc<dyn ServerCertVerifier>, Arc<str>>, Error>;

fn verifier(extra: Vec<CertificateDer<'static>>, provider: &Arc<CryptoProvider>) -> Verdict {
    if extra.is_empty() {
        return Ok(match Verifier::new(Arc::clone(provider)) {
            Ok(verifier) => Ok(Arc::new(verifier)),
            Err(error) => Err(format!(
                "this machine has no trusted root certificates ({error}); install its ca-certificates or name \
                 an authority with `ca_pem`"
            )
            .into()),
        });
    }
    // Judged by themselves first, so that a bad one is told apart from a platform without roots.
    let unusable = |_| Error::Certificate { reason: "it is no certificate that can be a root" };
    let mut own = RootCertStore::empty();
    for certificate in &extra {
        own.add(certificate.clone()).map_err(unusable)?;
    }
    if let Ok(verifier) = Verifier::new_with_extra_roots(extra, Arc::clone(provider)) {
        return Ok(Ok(Arc::new(verifier)));
    }
    match WebPkiServerVerifier::builder_with_provider(Arc::new(own), Arc::clone(provider)).build() {
        Ok(verifier) => Ok(Ok(verifier)),
        Err(_) => Err(Error::Certificate { reason: "no verifier can be made of it" }),
    }
}

/// The crypto provider is named: rustls would otherwise look for a process-wide one, and panic where a
/// dependency of the application has brought a second.
fn versions(provider: Arc<CryptoProvider>) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Error> {
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|error| Error::Setup { message: format!("TLS: {error}") })
}

/// Every certificate of a PEM file; other sections are passed over.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(Error::Certificate { reason: "it has no CERTIFICATE section" }),
        Err(_) => Err(Error::Certificate { reason: "it is no PEM" }),
    }
}

#[cfg(test)]
mod tests {
    use super::Tls;
    use crate::error::Error;

    #[test]
    fn an_authority_must_be_one() {
        for pem in [&b""[..], b"hello", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert!(matches!(Tls::new(Some(pem)), Err(Error::Certificate { .. })), "{pem:?}");
        }
        let no_certificate = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(Tls::new(Some(no_certificate)), Err(Error::Certificate { .. })));
    }

    #[test]
    fn an_authority_of_ones_own_is_enough() {
        let key = rcgen::KeyPair::generate().unwrap();
        let ca = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
        let tls = Tls::new(Some(ca.pem().as_bytes())).unwrap();
        assert!(tls.config().is_ok());
    }
}
