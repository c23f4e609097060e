//! Against the known answers of `fixtures/vectors` (RFC 7515, OpenSSL).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RsaKeyPair,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use satkeeper_core::dpop::{Algorithm, ProofSigner as _, PublicJwk};
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::KeyAlgorithm;
use serde_json::Value;

use super::{Es256, Rs256, generate, rs256_from_pkcs8_der};

const PKCS8: &[u8] = include_bytes!("../../../../fixtures/vectors/a2.pkcs8.der");
const ANSWERS: &str = include_str!("../../../../fixtures/vectors/known-answers.json");

fn vectors(kind: &str) -> Vec<Value> {
    let answers: Value = serde_json::from_str(ANSWERS).unwrap();
    answers[kind].as_array().unwrap().clone()
}

fn text<'a>(vector: &'a Value, member: &str) -> Option<&'a str> {
    vector[member].as_str()
}

#[test]
fn rs256_signatures_are_those_of_openssl() {
    let signer = Rs256(RsaKeyPair::from_pkcs8(PKCS8).unwrap());
    let n = vectors("sign").iter().find_map(|vector| text(vector, "n").map(str::to_owned)).unwrap();
    let mut proved = 0;
    for vector in vectors("sign").iter().filter(|vector| text(vector, "alg") == Some("RS256")) {
        let input = text(vector, "input").map_or_else(
            || {
                let header = text(vector, "header_template").unwrap();
                let header = header.replace("\"n\":N", &format!("\"n\":\"{n}\""));
                let claims = text(vector, "claims").unwrap();
                format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
            },
            str::to_owned,
        );
        let signature = signer.sign(input.as_bytes()).unwrap();
        assert_eq!(
            Some(&*URL_SAFE_NO_PAD.encode(signature)),
            text(vector, "signature"),
            "{}",
            vector["source"]
        );
        proved += 1;
    }
    assert_eq!(proved, 2);
}

#[test]
fn an_rsa_key_is_known_by_its_thumbprint() {
    let key = rs256_from_pkcs8_der(PKCS8).unwrap();
    let known = vectors("thumbprints");
    let known = known.iter().find(|vector| text(vector, "source") == Some("RFC 7515 A.2 key")).unwrap();
    assert_eq!(Some(key.thumbprint()), text(known, "thumbprint"));
    assert_eq!(key.algorithm(), Algorithm::Rs256);
    assert_eq!(serde_json::to_value(key.jwk()).unwrap()["n"], known["jwk"]["n"]);
}

#[test]
fn es256_signatures_are_raw_and_verify_under_the_public_jwk() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref().to_vec();
    let signature = Es256(pair).sign(b"input").unwrap();
    assert_eq!(signature.len(), 64);
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    assert!(public.verify(b"input", &signature).is_ok());
    assert!(public.verify(b"output", &signature).is_err());
}

#[test]
fn a_key_pair_becomes_a_proof_key_with_its_own_public_half() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref().to_vec();
    let key = super::es256(pair).unwrap();
    let PublicJwk::Ec { x, y } = key.jwk() else { panic!("an EC key") };
    let coordinates = [x, y].map(|member| URL_SAFE_NO_PAD.decode(member).unwrap()).concat();
    assert_eq!(coordinates, point[1..]);
}

#[test]
fn keys_are_made_of_either_kind_and_never_twice() {
    for (algorithm, kind) in
        [(KeyAlgorithm::Es256, Algorithm::Es256), (KeyAlgorithm::Rs256, Algorithm::Rs256)]
    {
        let (one, two) = (generate(algorithm).unwrap(), generate(algorithm).unwrap());
        assert_eq!(one.algorithm(), kind);
        assert!(!one.is_external());
        assert_ne!(one.thumbprint(), two.thumbprint());
    }
}

#[test]
fn what_is_no_key_is_refused_without_repeating_it() {
    let error = rs256_from_pkcs8_der(b"canary").unwrap_err();
    assert!(matches!(error, SessionError::DpopInit { .. }));
    assert!(!format!("{error} {error:?}").contains("canary"));
    assert!(super::es256_from_pkcs8_der(PKCS8).is_err());
}
