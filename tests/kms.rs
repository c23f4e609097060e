//! An application's way to a key service: far away, and the application may make a wrong thing of its answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use satkeeper::core::dpop::{Algorithm, PublicJwk, SignError, es256_from_der};
use satkeeper::{BoxFuture, KeyChoice, ProofKey, SigningRequest};
use satkeeper_fixtures as fixtures;

/// What the application makes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// A signature.
    Well,
    /// It has forgotten that it is DER.
    Der,
    /// So much of the signature, and no more.
    Cut(usize),
}

/// The client of a key service. Cheap to clone.
#[derive(Clone)]
pub struct Kms(Arc<Inner>);

struct Inner {
    service: fixtures::Kms,
    way: Mutex<(Duration, Mood)>,
}

impl Kms {
    /// With a new key, so far away.
    #[must_use]
    pub fn new(latency: Duration) -> Self {
        Self(Arc::new(Inner { service: fixtures::Kms::new(), way: Mutex::new((latency, Mood::Well)) }))
    }

    /// The service itself.
    #[must_use]
    pub fn service(&self) -> &fixtures::Kms {
        &self.0.service
    }

    /// The key, as a session needs it: its public half.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn key(&self) -> KeyChoice {
        let (x, y) = self.service().public_key();
        let key = ProofKey::external(Algorithm::Es256, PublicJwk::ec(&x, &y)).expect("a P-256 key");
        KeyChoice::Held { key, proved: false }
    }

    /// From now on the application does so.
    pub fn set(&self, mood: Mood) {
        self.0.way.lock().unwrap_or_else(PoisonError::into_inner).1 = mood;
    }

    /// From now on each answer takes so long.
    pub fn move_away(&self, latency: Duration) {
        self.0.way.lock().unwrap_or_else(PoisonError::into_inner).0 = latency;
    }

    fn way(&self) -> (Duration, Mood) {
        *self.0.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &SigningRequest) -> Result<Vec<u8>, SignError> {
        let signed = self.service().sign(request.input.expose().as_bytes());
        let der = signed.map_err(|why| SignError::Failed { message: why.to_owned() })?;
        match self.way().1 {
            Mood::Well => es256_from_der(&der),
            Mood::Der => Ok(der),
            Mood::Cut(length) => es256_from_der(&der).map(|raw| raw[..length.min(raw.len())].to_vec()),
        }
    }
}

impl satkeeper::ExternalSigner for Kms {
    fn sign(&self, request: SigningRequest) -> BoxFuture<'_, Result<Vec<u8>, SignError>> {
        Box::pin(async move {
            tokio::time::sleep(self.way().0).await;
            self.answer(&request)
        })
    }
}

impl satkeeper_blocking::ExternalSigner for Kms {
    fn sign(&self, request: SigningRequest) -> Result<Vec<u8>, SignError> {
        std::thread::sleep(self.way().0);
        self.answer(&request)
    }
}
