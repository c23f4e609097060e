//! Proofs against the bare signatures of the same library.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use satkeeper_core::dpop::{Claims, ProofKey, jti_from, proof, signing_input};
use satkeeper_core::lifecycle::KeyAlgorithm;

use crate::measure::nanoseconds;

const JTI: [u8; 16] = [9; 16];
const IAT: u64 = 1_800_000_000;
const CLAIMS: Claims<'static> = Claims::Http {
    htm: "POST",
    htu: "/api/fabric/subscriber/devices/refresh",
    ath: Some("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"),
};

/// One library's.
pub struct Proof {
    /// Which.
    pub name: &'static str,
    /// Microseconds of a proof.
    pub proof: f64,
    /// Microseconds of a signature over as many bytes.
    pub bare: f64,
}

/// All three.
///
/// # Panics
/// Where no key can be made.
#[must_use]
pub fn all() -> Vec<Proof> {
    let random = SystemRandom::new();
    let software = SigningKey::from_slice(&[7; 32]).unwrap_or_else(|_| panic!("a scalar"));
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap_or_else(|_| panic!("P-256"));
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap_or_else(|_| panic!("RSA"));
    let host = |algorithm| satkeeper_host::keys::generate(algorithm).unwrap_or_else(|it| panic!("{it}"));
    let es256 = host(KeyAlgorithm::Es256);
    let input = signing_input(&es256, &jti_from(JTI), IAT, &CLAIMS, None);
    let bytes = input.expose().as_bytes();
    let p256 = ProofKey::es256_from_bytes(&[7; 32]).unwrap_or_else(|it| panic!("{it}"));
    vec![
        compare("ES256, p256", 20, &p256, || {
            let signature: Signature = software.sign(bytes);
            std::hint::black_box(signature.to_bytes());
        }),
        compare("ES256, aws-lc-rs (the adapters' default)", 100, &es256, || {
            std::hint::black_box(ec.sign(&random, bytes).is_ok());
        }),
        compare("RS256, aws-lc-rs", 10, &host(KeyAlgorithm::Rs256), || {
            let mut signature = vec![0; rsa.public_modulus_len()];
            let signed = rsa.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature);
            std::hint::black_box(signed.is_ok());
        }),
    ]
}

fn compare(name: &'static str, each: usize, key: &ProofKey, mut bare: impl FnMut()) -> Proof {
    let prove = || {
        std::hint::black_box(proof(key, &jti_from(JTI), IAT, &CLAIMS, None).is_ok());
    };
    let proof = nanoseconds(each, || (), |()| prove()) / 1_000.0;
    let bare = nanoseconds(each, || (), |()| bare()) / 1_000.0;
    Proof { name, proof, bare }
}
