//! A session whose key lives in a key service: far away, busy now and then, and speaking DER.
//!
//! ```sh
//! cargo run -p satkeeper --example external_signer
//! ```
#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::time::Duration;

use satkeeper::core::dpop::{Algorithm, PublicJwk, SignError, es256_from_der};
use satkeeper::{BoxFuture, Client, ExternalSigner, KeyChoice, ProofKey, SigningRequest};
use satkeeper_fixtures::{Config, Kms, Server};

/// The client of the key service. The key never leaves the service.
struct Remote(Kms);

impl ExternalSigner for Remote {
    fn sign(&self, request: SigningRequest) -> BoxFuture<'_, Result<Vec<u8>, SignError>> {
        Box::pin(async move {
            // The way there and back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            // No retries here: the session repeats what failed, with a proof of that moment.
            let signed = self.0.sign(request.input.expose().as_bytes());
            let der = signed.map_err(|why| SignError::Failed { message: why.to_owned() })?;
            // Services return ECDSA in DER, proofs have it raw.
            es256_from_der(&der)
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::start(Config::default()).await?;
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
        .connect()
        .await?;
    client.status().wait_for(|status| status.bound).await?;
    for _ in 0..3 {
        match client.refresh_now().await {
            Ok(generation) => println!("renewed: generation {}", generation.0),
            Err(error) => println!("not this time, the old token stays: {error}"),
        }
    }
    let counts = server.counts();
    println!("{} proofs accepted, {} refused", counts.proofs_accepted, counts.all_proofs_refused());
    println!("the session ended: {}", client.disconnect().await);
    Ok(())
}
