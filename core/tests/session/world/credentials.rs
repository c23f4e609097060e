//! Tokens that decode, keys that sign nothing worth, a subscriber.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use satkeeper_core::dpop::{Algorithm, ProofKey, ProofSigner, PublicJwk, SignError};
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{Credential, Provider};
use satkeeper_core::wire::rest::{CreateSubscriberToken, Space};
use satkeeper_core::wire::url::{Plain, SecureUrl};
use serde_json::json;

use super::CANARY;

/// A token that decodes, for the host in `ch`.
pub fn sat(name: &str, ch: &str) -> String {
    let header = json!({"alg": "dir", "enc": "A256GCM", "typ": "SAT", "ch": ch}).to_string();
    format!("{}..iv.{CANARY}{name}.tag", URL_SAFE_NO_PAD.encode(header))
}

pub fn credential(name: &str) -> Credential {
    Credential::new(Secret::new(sat(name, "relay.sw.test")))
}

pub fn subscriber() -> Provider {
    let url = SecureUrl::parse("https://space.signalwire.test", Plain::Never).unwrap();
    let space = Space::new(url, "project", &Secret::new(format!("PT{CANARY}"))).unwrap();
    let request = CreateSubscriberToken { reference: "alice".to_owned(), ..Default::default() };
    Provider::Subscriber { space, request: Box::new(request) }
}

struct Fake;

impl ProofSigner for Fake {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(vec![7; 256])
    }
}

pub fn rsa() -> ProofKey {
    ProofKey::new(Algorithm::Rs256, PublicJwk::rsa(&[5; 256], &[1, 0, 1]), Arc::new(Fake)).unwrap()
}

pub fn ec() -> ProofKey {
    ProofKey::es256_from_bytes(&[9; 32]).unwrap()
}
