//! Time, by criterion.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use satkeeper_bench::{lifecycle, session};
use satkeeper_core::dpop::{Claims, ProofKey, jti_from, proof, signing_input};
use satkeeper_core::lifecycle::{Input, KeyAlgorithm};
use satkeeper_core::session::SessionInput;

/// The machine alone.
fn machine(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lifecycle");
    let (mut machine, early) = lifecycle::resting();
    group.bench_function("early", |bencher| bencher.iter(|| machine.step(early, Input::Tick)));
    let scenes = [
        ("round", lifecycle::round(false)),
        ("durable", lifecycle::round(true)),
        ("cold", lifecycle::cold(false)),
    ];
    for (name, scene) in scenes {
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(|| scene.clone(), lifecycle::Scene::play, BatchSize::SmallInput);
        });
    }
    group.finish();
}

/// With its wire formats.
fn with_wire_formats(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session");
    let (mut resting, early) = session::resting();
    group.bench_function("early", |bencher| bencher.iter(|| resting.step(early, SessionInput::Tick)));
    // To make a session that has renewed takes twenty times as long as to renew it.
    group.measurement_time(Duration::from_millis(500));
    for (name, scene) in [("round", session::round as fn() -> session::Scene), ("cold", session::cold)] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(scene, session::Scene::play, BatchSize::SmallInput);
        });
    }
    group.finish();
}

const JTI: [u8; 16] = [9; 16];
const IAT: u64 = 1_800_000_000;
const CLAIMS: Claims<'static> = Claims::Http {
    htm: "POST",
    htu: "/api/fabric/subscriber/devices/refresh",
    ath: Some("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"),
};

/// Proofs, each beside a bare signature of the same library over as many bytes.
fn proofs(criterion: &mut Criterion) {
    let made = |algorithm| satkeeper_host::keys::generate(algorithm).expect("a key");
    let key = ProofKey::es256_from_bytes(&[7; 32]).expect("a scalar");
    let signing = SigningKey::from_slice(&[7; 32]).expect("a scalar");
    beside(criterion, "es256-p256", &key, |input| {
        let signature: Signature = signing.sign(input);
        signature.to_bytes().to_vec()
    });
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    beside(criterion, "es256-aws-lc-rs", &made(KeyAlgorithm::Es256), |input| {
        pair.sign(&random, input).expect("a signature").as_ref().to_vec()
    });
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    beside(criterion, "rs256-aws-lc-rs", &made(KeyAlgorithm::Rs256), |input| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &random, input, &mut signature).expect("a signature");
        signature
    });
}

fn beside(criterion: &mut Criterion, name: &str, key: &ProofKey, bare: impl Fn(&[u8]) -> Vec<u8>) {
    let input = signing_input(key, &jti_from(JTI), IAT, &CLAIMS, None);
    let bytes = input.expose().as_bytes();
    let mut group = criterion.benchmark_group(name);
    group.bench_function("bare", |bencher| bencher.iter(|| bare(black_box(bytes))));
    group.bench_function("proof", |bencher| bencher.iter(|| proof(key, &jti_from(JTI), IAT, &CLAIMS, None)));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = machine, with_wire_formats, proofs
}
criterion_main!(benches);
