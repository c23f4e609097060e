//! A session whose key lives in a key service: far away, busy now and then, and speaking DER.
//!
//! ```sh
//! cargo run -p satkeeper-blocking --example external_signer
//! ```
#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use satkeeper_blocking::core::dpop::{Algorithm, PublicJwk, SignError, es256_from_der};
use satkeeper_blocking::{Client, ExternalSigner, KeyChoice, ProofKey, SigningRequest};
use satkeeper_fixtures::{Config, Server};

/// Stands for the service and its client. The key never leaves it.
struct Kms {
    pair: EcdsaKeyPair,
    calls: AtomicU32,
}

impl Kms {
    /// What the service tells everybody: the public key, as SEC 1 has it (0x04, x, y).
    fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// What the service does: signs, in 50 ms, except for every fourth time. Services return ECDSA in DER.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, &'static str> {
        std::thread::sleep(Duration::from_millis(50));
        if self.calls.fetch_add(1, Ordering::Relaxed) % 4 == 3 {
            return Err("503, try again");
        }
        let signature = self.pair.sign(&SystemRandom::new(), message).map_err(|_| "500")?;
        Ok(signature.as_ref().to_vec())
    }
}

impl ExternalSigner for Kms {
    fn sign(&self, request: SigningRequest) -> Result<Vec<u8>, SignError> {
        let message = request.input.expose().as_bytes();
        // No retries here: the session repeats what failed, with a proof of that moment.
        let der = self.sign(message).map_err(|why| SignError::Failed { message: why.to_owned() })?;
        es256_from_der(&der)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The server for this example is an async one; the client is not.
    let runtime = tokio::runtime::Runtime::new()?;
    let server = runtime.block_on(Server::start(Config::default()))?;
    let kms =
        Kms { pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?, calls: AtomicU32::new(0) };

    let (x, y) = kms.public_key()[1..].split_at(32);
    let key = ProofKey::external(Algorithm::Es256, PublicJwk::ec(x.try_into()?, y.try_into()?))?;
    println!("the key service's key is {}", key.thumbprint());

    let client = Client::builder()
        .relay_url(server.ws_url())
        .fabric_url(server.http_url())
        .ca_pem(server.ca_pem().unwrap_or_default())
        .subscriber(&server.http_url(), "project", "api-token", "alice@example.com")
        .key(KeyChoice::Held { key, proved: false })
        .signer(kms)
        .connect()?;
    client.status().wait_for(Duration::from_secs(10), |status| status.bound).ok_or("not client-bound")?;
    for _ in 0..3 {
        match client.refresh_now() {
            Ok(generation) => println!("renewed: generation {}", generation.0),
            Err(error) => println!("not this time, the old token stays: {error}"),
        }
    }
    let counts = server.counts();
    println!("{} proofs accepted, {} refused", counts.proofs_accepted, counts.all_proofs_refused());
    println!("the session ended: {}", client.disconnect());
    Ok(())
}
