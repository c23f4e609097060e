//! Prints proofs of possession with what must be true of them, a JSON object a line, for other people's
//! verifiers (`tests/interop/proofs`): by each kind of signer, of each form of claims.
//!
//! ```sh
//! cargo run -p satkeeper-host --example proofs
//! ```

#![allow(clippy::print_stdout, reason = "what it is for")]

use std::error::Error;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use satkeeper_core::dpop::{
    Algorithm, Claims, ProofKey, PublicJwk, ath, attach, es256_from_der, jti_from, proof, signing_input,
};
use satkeeper_core::lifecycle::KeyAlgorithm;
use satkeeper_core::secret::Secret;
use satkeeper_host::keys;
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The time of the published examples, so that known answers come out.
const IAT: u64 = 1_562_262_616;
const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

fn main() -> Result<()> {
    let vectors: Value = serde_json::from_str(include_str!("../../../fixtures/vectors/known-answers.json"))?;
    let published = ProofKey::es256_from_bytes(&published_scalar(&vectors)?)?;
    let published_rsa = keys::rs256_from_pkcs8_der(include_bytes!("../../../fixtures/vectors/a2.pkcs8.der"))?;
    let signers = [
        ("the core", &published),
        ("aws-lc", &keys::generate(KeyAlgorithm::Es256)?),
        ("aws-lc", &keys::generate(KeyAlgorithm::Rs256)?),
        ("aws-lc, a key of PKCS #8", &published_rsa),
    ];
    let mut number = 0_u128;
    for (signer, key) in signers {
        each_form(|claims, nonce, said| {
            number += 1;
            let jti = jti_from(number.to_be_bytes());
            let proof = proof(key, &jti, IAT, claims, nonce)?;
            print(signer, key, &jti, said, &proof)
        })?;
    }
    each_form(|claims, nonce, said| {
        number += 1;
        let jti = jti_from(number.to_be_bytes());
        let (key, proof) = by_a_key_service(&jti, claims, nonce)?;
        print("a key service", &key, &jti, said, &proof)
    })?;

    // The known answers, byte for byte: by their numbers in `sign`.
    let jti = "-BwC3ESc6acc2lTc";
    let http = Claims::Http { htm: "POST", htu: "https://server.example.com/token", ath: None };
    let rpc = Claims::Rpc { mth: "signalwire.connect" };
    for (number, key, claims) in [(1, &published, &http), (3, &published_rsa, &rpc)] {
        let proof = proof(key, jti, IAT, claims, None)?;
        println!("{}", json!({"known_answer": number, "proof": proof.expose()}));
    }
    Ok(())
}

/// Every form of claims, with and without what is optional, and the members that must come out.
fn each_form(mut sign: impl FnMut(&Claims<'_>, Option<&str>, Value) -> Result<()>) -> Result<()> {
    let hash = ath(&Secret::new(TOKEN));
    for nonce in [None, Some("eyJ7S_zG.eyJH0-Z.HX4w-7v")] {
        for htu in ["/api/fabric/subscriber/devices/token", "https://fabric.signalwire.com/api/fabric/x"] {
            for ath in [None, Some(&*hash)] {
                let said = json!({"htm": "POST", "htu": htu, "ath": ath, "nonce": nonce});
                sign(&Claims::Http { htm: "POST", htu, ath }, nonce, said)?;
            }
        }
        for mth in ["signalwire.connect", "signalwire.reauthenticate"] {
            sign(&Claims::Rpc { mth }, nonce, json!({"rpc": "request", "mth": mth, "nonce": nonce}))?;
        }
    }
    Ok(())
}

/// What an HSM or a cloud service does: it is shown what to sign and answers with a signature in DER.
fn by_a_key_service(jti: &str, claims: &Claims<'_>, nonce: Option<&str>) -> Result<(ProofKey, Secret)> {
    let pkcs8 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?.to_pkcs8v1()?;
    let service = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref())?;
    let point = service.public_key().as_ref();
    let jwk = PublicJwk::ec(point[1..33].try_into()?, point[33..].try_into()?);
    let key = ProofKey::external(Algorithm::Es256, jwk)?;
    let input = signing_input(&key, jti, IAT, claims, nonce);
    let signature = service.sign(&SystemRandom::new(), input.expose().as_bytes())?;
    let proof = attach(&key, &input, &es256_from_der(signature.as_ref())?)?;
    Ok((key, proof))
}

fn print(signer: &str, key: &ProofKey, jti: &str, mut claims: Value, proof: &Secret) -> Result<()> {
    let said = claims.as_object_mut().ok_or("claims are an object")?;
    said.retain(|_, value| !value.is_null());
    said.insert("jti".to_owned(), jti.into());
    said.insert("iat".to_owned(), IAT.into());
    let header = json!({"typ": "dpop+jwt", "alg": key.algorithm().name(), "jwk": key.jwk()});
    println!(
        "{}",
        json!({
            "signer": signer, "header": header, "thumbprint": key.thumbprint(), "claims": claims, "token": TOKEN,
            "proof": proof.expose(),
        })
    );
    Ok(())
}

/// The private key of RFC 7515 A.3.
fn published_scalar(vectors: &Value) -> Result<[u8; 32]> {
    let d = vectors["sign"][1]["d"].as_str().ok_or("the vector has a key")?;
    URL_SAFE_NO_PAD.decode(d)?.try_into().map_err(|_| "a scalar has 32 bytes".into())
}
