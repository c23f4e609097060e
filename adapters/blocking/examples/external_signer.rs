//! A session whose key lives in a key service: far away, busy now and then, and speaking DER.
//!
//! ```sh
//! cargo run -p satkeeper-blocking --example external_signer
//! ```
#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::time::Duration;

use satkeeper_blocking::core::dpop::{Algorithm, PublicJwk, SignError, es256_from_der};
use satkeeper_blocking::{Client, ExternalSigner, KeyChoice, ProofKey, SigningRequest};
use satkeeper_fixtures::{Config, Kms, Server};

/// The client of the key service. The key never leaves the service.
struct Remote(Kms);

impl ExternalSigner for Remote {
    fn sign(&self, request: SigningRequest) -> Result<Vec<u8>, SignError> {
        // The way there and back.
        std::thread::sleep(Duration::from_millis(50));
        // No retries here: the session repeats what failed, with a proof of that moment.
        let signed = self.0.sign(request.input.expose().as_bytes());
        let der = signed.map_err(|why| SignError::Failed { message: why.to_owned() })?;
        // Services return ECDSA in DER, proofs have it raw.
        es256_from_der(&der)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The server for this example is an async one; the client is not.
    let runtime = tokio::runtime::Runtime::new()?;
    let server = runtime.block_on(Server::start(Config::default()))?;
    let kms = Kms::new();
    kms.fail_every(4);

    let (x, y) = kms.public_key();
    let key = ProofKey::external(Algorithm::Es256, PublicJwk::ec(&x, &y))?;
    println!("the key service's key is {}", key.thumbprint());

    let client = Client::builder()
        .relay_url(server.ws_url())
        .fabric_url(server.http_url())
        .ca_pem(server.ca_pem().unwrap_or_default())
        .subscriber(&server.http_url(), "project", "api-token", "alice@example.com")
        .key(KeyChoice::Held { key, proved: false })
        .signer(Remote(kms))
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
