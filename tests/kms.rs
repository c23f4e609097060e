//! A key service, simulated: the key is here and nowhere else, and what it returns comes late, in DER, or not at
//! all.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use satkeeper::core::dpop::{Algorithm, PublicJwk, SignError, es256_from_der};
use satkeeper::{BoxFuture, KeyChoice, ProofKey, SigningRequest};

/// How it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Every call of this number fails; 0: none does.
    FailsEvery(u64),
    /// The application has forgotten that it is DER.
    Der,
    /// So much of the signature, and no more.
    Cut(usize),
}

/// A key service with one P-256 key. Cheap to clone.
#[derive(Clone)]
pub struct Kms(Arc<Inner>);

struct Inner {
    pair: EcdsaKeyPair,
    latency: Mutex<Duration>,
    mood: Mutex<Mood>,
    calls: AtomicU64,
    failures: AtomicU64,
}

impl Kms {
    /// With a new key, so far away.
    ///
    /// # Panics
    /// Without randomness.
    #[must_use]
    pub fn new(latency: Duration) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("randomness");
        let (calls, failures) = (AtomicU64::new(0), AtomicU64::new(0));
        let latency = Mutex::new(latency);
        Self(Arc::new(Inner { pair, latency, mood: Mutex::new(Mood::FailsEvery(0)), calls, failures }))
    }

    /// The key, as a session needs it: its public half.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn key(&self) -> KeyChoice {
        let point = self.0.pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let jwk = PublicJwk::ec(x.try_into().expect("32 bytes"), y.try_into().expect("32 bytes"));
        let key = ProofKey::external(Algorithm::Es256, jwk).expect("a P-256 key");
        KeyChoice::Held { key, proved: false }
    }

    /// From now on it answers so.
    pub fn set(&self, mood: Mood) {
        *self.mood() = mood;
    }

    /// How long each answer takes.
    #[must_use]
    pub fn latency(&self) -> Duration {
        *self.0.latency.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on each answer takes so long.
    pub fn move_away(&self, latency: Duration) {
        *self.0.latency.lock().unwrap_or_else(PoisonError::into_inner) = latency;
    }

    /// How often it was asked.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// How often it has failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::SeqCst)
    }

    /// What the application makes of its answer.
    ///
    /// # Errors
    /// As the mood is.
    pub fn answer(&self, request: &SigningRequest) -> Result<Vec<u8>, SignError> {
        let call = self.0.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let signature = self.0.pair.sign(&SystemRandom::new(), request.input.expose().as_bytes());
        let der = signature.map_err(|_| SignError::Failed { message: "no signature".to_owned() })?;
        match self.mood().clone() {
            Mood::FailsEvery(number) if number > 0 && call.is_multiple_of(number) => {
                self.0.failures.fetch_add(1, Ordering::SeqCst);
                Err(SignError::Failed { message: "the KMS is throttling".to_owned() })
            }
            Mood::FailsEvery(_) => es256_from_der(der.as_ref()),
            Mood::Der => Ok(der.as_ref().to_vec()),
            Mood::Cut(length) => {
                es256_from_der(der.as_ref()).map(|raw| raw[..length.min(raw.len())].to_vec())
            }
        }
    }

    fn mood(&self) -> MutexGuard<'_, Mood> {
        self.0.mood.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl satkeeper::ExternalSigner for Kms {
    fn sign(&self, request: SigningRequest) -> BoxFuture<'_, Result<Vec<u8>, SignError>> {
        Box::pin(async move {
            tokio::time::sleep(self.latency()).await;
            self.answer(&request)
        })
    }
}

impl satkeeper_blocking::ExternalSigner for Kms {
    fn sign(&self, request: SigningRequest) -> Result<Vec<u8>, SignError> {
        std::thread::sleep(self.latency());
        self.answer(&request)
    }
}
