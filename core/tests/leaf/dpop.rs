//! Proofs of possession against the known-answer vectors, byte for byte.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use satkeeper_core::dpop::{
    Algorithm, Claims, KeyError, ProofKey, ProofSigner, PublicJwk, SignError, ath, attach, es256_from_der,
    jti_from, proof, signing_input,
};
use satkeeper_core::secret::Secret;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../fixtures/vectors/known-answers.json")).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn jwk(value: &Value) -> PublicJwk {
    match value["kty"].as_str().unwrap() {
        "EC" => PublicJwk::Ec { x: text(&value["x"]), y: text(&value["y"]) },
        _ => PublicJwk::Rsa { n: text(&value["n"]), e: text(&value["e"]) },
    }
}

fn software_key(d: &Value) -> ProofKey {
    let bytes: [u8; 32] = URL_SAFE_NO_PAD.decode(d.as_str().unwrap()).unwrap().try_into().unwrap();
    ProofKey::es256_from_bytes(&bytes).unwrap()
}

/// A signer with one answer.
struct Fixed(Vec<u8>);

impl ProofSigner for Fixed {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(self.0.clone())
    }
}

// proves R35.5
#[test]
fn thumbprints_are_the_published_ones() {
    let vectors = vectors();
    let thumbprints = vectors["thumbprints"].as_array().unwrap();
    assert_eq!(thumbprints.len(), 4);
    for vector in thumbprints {
        let thumbprint = jwk(&vector["jwk"]).thumbprint();
        assert_eq!(thumbprint, text(&vector["thumbprint"]), "{}", vector["source"]);
        assert_eq!(thumbprint.len(), 43);
    }
}

// proves R35.1
#[test]
fn ath_is_the_one_of_rfc_9449() {
    let vectors = vectors();
    let vector = &vectors["ath"][0];
    assert_eq!(ath(&Secret::new(text(&vector["token"]))), text(&vector["ath"]));
}

// proves R35.1
#[test]
fn an_es256_proof_is_the_golden_one() {
    let vectors = vectors();
    let golden = &vectors["sign"][1];
    let key = software_key(&golden["d"]);
    let claims = Claims::Http { htm: "POST", htu: "https://server.example.com/token", ath: None };
    let made = proof(&key, "-BwC3ESc6acc2lTc", 1_562_262_616, &claims, None).unwrap();
    let expected = format!(
        "{}.{}.{}",
        URL_SAFE_NO_PAD.encode(text(&golden["header"])),
        URL_SAFE_NO_PAD.encode(text(&golden["claims"])),
        text(&golden["signature"])
    );
    assert_eq!(made.expose(), expected);
}

// proves R35.2
#[test]
fn an_rs256_proof_is_the_golden_one_and_verifies() {
    let vectors = vectors();
    let golden = &vectors["sign"][3];
    let n = text(&vectors["sign"][2]["n"]);
    let signature = URL_SAFE_NO_PAD.decode(text(&golden["signature"])).unwrap();
    let public = PublicJwk::rsa(&[&[0], &*URL_SAFE_NO_PAD.decode(&n).unwrap()].concat(), &[0, 1, 0, 1]);
    assert_eq!(public, PublicJwk::Rsa { n: n.clone(), e: "AQAB".to_owned() });
    let key = ProofKey::new(Algorithm::Rs256, public, Arc::new(Fixed(signature.clone()))).unwrap();
    let claims = Claims::Rpc { mth: "signalwire.connect" };
    let made = proof(&key, "-BwC3ESc6acc2lTc", 1_562_262_616, &claims, None).unwrap();
    let header = text(&golden["header_template"]).replace(":N,", &format!(":\"{n}\","));
    let input =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(text(&golden["claims"])));
    assert_eq!(made.expose(), format!("{input}.{}", text(&golden["signature"])));
    // The signature is of exactly these bytes: RSASSA-PKCS1-v1_5 verified by hand.
    let padded = rsa_65537(&signature, &URL_SAFE_NO_PAD.decode(&n).unwrap());
    let info = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
    let expected = [&[0, 1][..], &[0xff; 202], &[0], info, &Sha256::digest(input.as_bytes())].concat();
    assert_eq!(padded, expected);
}

#[test]
fn claims_come_in_the_golden_order_with_and_without_the_optional_ones() {
    let key = ProofKey::es256_from_bytes(&[7; 32]).unwrap();
    let payload = |claims: &Claims<'_>, nonce| {
        let input = signing_input(&key, "j", 5, claims, nonce);
        let segment = input.expose().split('.').nth(1).unwrap().to_owned();
        String::from_utf8(URL_SAFE_NO_PAD.decode(segment).unwrap()).unwrap()
    };
    let http = Claims::Http { htm: "POST", htu: "/p", ath: Some("a") };
    assert_eq!(payload(&http, None), r#"{"jti":"j","htm":"POST","htu":"/p","iat":5,"ath":"a"}"#);
    assert_eq!(
        payload(&http, Some("n")),
        r#"{"jti":"j","htm":"POST","htu":"/p","iat":5,"ath":"a","nonce":"n"}"#
    );
    let rpc = Claims::Rpc { mth: "m" };
    assert_eq!(payload(&rpc, None), r#"{"jti":"j","rpc":"request","mth":"m","iat":5}"#);
    assert_eq!(payload(&rpc, Some("n\"")), r#"{"jti":"j","rpc":"request","mth":"m","iat":5,"nonce":"n\""}"#);
}

// proves R35.11
#[test]
fn an_external_key_gives_its_input_away_and_takes_a_signature_of_the_right_length() {
    let software = ProofKey::es256_from_bytes(&[7; 32]).unwrap();
    let external = ProofKey::external(Algorithm::Es256, software.jwk().clone()).unwrap();
    assert!(external.is_external() && !software.is_external());
    assert!(external == software);
    let claims = Claims::Rpc { mth: "m" };
    assert!(matches!(proof(&external, "j", 1, &claims, None), Err(SignError::External)));
    let input = signing_input(&external, "j", 1, &claims, None);
    let complete = proof(&software, "j", 1, &claims, None).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(complete.expose().rsplit('.').next().unwrap()).unwrap();
    assert!(attach(&external, &input, &signature).unwrap() == complete);
    for length in [0, 63, 65, 72, 256] {
        let refused = attach(&external, &input, &vec![1; length]);
        assert!(matches!(refused, Err(SignError::Malformed { length: l, .. }) if l == length), "{length}");
    }
    let rsa = ProofKey::external(Algorithm::Rs256, PublicJwk::rsa(&[1; 256], &[1, 0, 1])).unwrap();
    assert!(attach(&rsa, &input, &[1; 64]).is_err());
    assert!(attach(&rsa, &input, &[1; 256]).is_ok());
}

#[test]
fn der_signatures_are_converted() {
    let vectors = vectors();
    let raw = URL_SAFE_NO_PAD.decode(text(&vectors["sign"][0]["signature"])).unwrap();
    // r starts with 0x7b, s with 0xef: only s needs the sign byte.
    let der = [&[0x30, 0x45, 0x02, 0x20], &raw[..32], &[0x02, 0x21, 0x00], &raw[32..]].concat();
    assert_eq!(es256_from_der(&der).unwrap(), raw);
    // Small integers are padded on the left.
    let small = es256_from_der(&[0x30, 0x06, 0x02, 0x01, 0x05, 0x02, 0x01, 0x06]).unwrap();
    assert_eq!((small.len(), small[31], small[63]), (64, 5, 6));
    for bad in [&der[..70], &raw[..], &[], &[0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x06]] {
        assert!(es256_from_der(bad).is_err(), "{}", bad.len());
    }
}

/// The order of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// A DER integer as it is given, right or wrong.
fn integer(bytes: &[u8]) -> Vec<u8> {
    [&[0x02, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

/// A DER sequence of these.
fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    let parts = parts.concat();
    [&[0x30, u8::try_from(parts.len()).unwrap()], &parts[..]].concat()
}

// proves R36.7
#[test]
fn hostile_der_is_no_signature() {
    let (five, mut below) = (integer(&[5]), ORDER.to_vec());
    below[31] -= 1;
    let largest = integer(&[&[0], &below[..]].concat());
    let raw = es256_from_der(&sequence(&[&largest, &largest])).unwrap();
    assert_eq!(raw, [&below[..], &below[..]].concat());

    for (what, bad) in [
        ("zero", integer(&[0])),
        ("empty", integer(&[])),
        ("negative", integer(&[0x80])),
        ("the order", integer(&[&[0], &ORDER[..]].concat())),
        ("above the order", integer(&[&[0], &[0xff; 32][..]].concat())),
        ("33 bytes", integer(&[1; 33])),
        ("a zero too many", integer(&[0, 5])),
        ("a long length where a short one does", vec![0x02, 0x81, 1, 5]),
        ("no end", vec![0x02, 0x80, 5, 0, 0]),
        ("a length beyond the end", vec![0x02, 0x7f, 5]),
        ("a length of four gigabytes", vec![0x02, 0x84, 0xff, 0xff, 0xff, 0xff, 5]),
        ("a bit string", vec![0x03, 1, 5]),
        ("a sequence in it", sequence(&[&five])),
        ("nothing", Vec::new()),
    ] {
        for der in [sequence(&[&bad, &five]), sequence(&[&five, &bad])] {
            let refused = es256_from_der(&der);
            assert!(
                matches!(refused, Err(SignError::Malformed { length, .. }) if length == der.len()),
                "{what}"
            );
        }
    }
    let good = sequence(&[&five, &five]);
    let whole = [
        ("a third number", sequence(&[&five, &five, &five])),
        ("something after it", [&good[..], &[0]].concat()),
        ("a set", [&[0x31], &good[1..]].concat()),
        ("a long length", [&[0x30, 0x81, 6], &good[2..]].concat()),
        ("twice", [&good[..], &good].concat()),
        ("the fixed form", vec![0x30; 64]),
    ];
    for (what, der) in whole {
        assert!(es256_from_der(&der).is_err(), "{what}");
    }
    // Whatever is cut or changed, what comes out is 64 bytes or nothing.
    let der = sequence(&[&largest, &largest]);
    for at in 0..der.len() {
        assert!(es256_from_der(&der[..at]).is_err(), "{at}");
        for bit in 0..8 {
            let mut changed = der.clone();
            changed[at] ^= 1 << bit;
            assert!(
                es256_from_der(&changed).is_ok_and(|raw| raw.len() == 64)
                    || es256_from_der(&changed).is_err()
            );
        }
    }
}

// proves R36.1
#[test]
fn keys_show_only_what_is_public() {
    let key = ProofKey::es256_from_bytes(&[7; 32]).unwrap();
    let shown = format!("{key:?}");
    assert!(shown.contains("Es256") && shown.contains(key.thumbprint()), "{shown}");
    assert!(!shown.contains("0707") && !shown.contains("7, 7") && shown.len() < 120, "{shown}");
}

#[test]
fn bad_keys_are_refused() {
    assert_eq!(ProofKey::es256_from_bytes(&[0; 32]), Err(KeyError::Malformed));
    assert_eq!(ProofKey::es256_from_bytes(&[0xff; 32]), Err(KeyError::Malformed));
    assert_eq!(ProofKey::es256_from_pkcs8_der(b"nonsense"), Err(KeyError::Malformed));
    assert_eq!(ProofKey::es256_from_pkcs8_pem("nonsense"), Err(KeyError::Malformed));
    let (ec, rsa) = (PublicJwk::ec(&[1; 32], &[2; 32]), PublicJwk::rsa(&[1; 256], &[1, 0, 1]));
    assert_eq!(ProofKey::external(Algorithm::Es256, rsa), Err(KeyError::Mismatch));
    assert_eq!(ProofKey::external(Algorithm::Rs256, ec), Err(KeyError::Mismatch));
}

#[test]
fn pkcs8_gives_the_same_key_as_its_scalar() {
    use p256::pkcs8::EncodePrivateKey as _;
    let secret = p256::SecretKey::from_slice(&[7; 32]).unwrap();
    let expected = ProofKey::es256_from_bytes(&[7; 32]).unwrap();
    let der = secret.to_pkcs8_der().unwrap();
    assert!(ProofKey::es256_from_pkcs8_der(der.as_bytes()).unwrap() == expected);
    let pem = secret.to_pkcs8_pem(p256::pkcs8::LineEnding::LF).unwrap();
    assert!(ProofKey::es256_from_pkcs8_pem(&pem).unwrap() == expected);
    assert!(ProofKey::es256_from_bytes(&[8; 32]).unwrap() != expected);
}

#[test]
fn proof_ids_are_version_4_uuids() {
    assert_eq!(jti_from([0; 16]), "00000000-0000-4000-8000-000000000000");
    assert_eq!(jti_from([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    let bytes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    assert_eq!(jti_from(bytes), "00010203-0405-4607-8809-0a0b0c0d0e0f");
}

/// `signature ^ 65537 mod n`, big endian, by shift and subtract: slow, and sharing no code with anything.
fn rsa_65537(signature: &[u8], n: &[u8]) -> Vec<u8> {
    let limbs = |bytes: &[u8]| -> Vec<u64> {
        bytes.rchunks(4).map(|c| c.iter().fold(0, |sum, b| sum << 8 | u64::from(*b))).chain([0]).collect()
    };
    let n = limbs(n);
    let at_least = |a: &[u64], b: &[u64]| a.iter().rev().cmp(b.iter().rev()).is_ge();
    let reduce = |a: &mut Vec<u64>| {
        if at_least(a, &n) {
            let mut borrow = 0;
            for (a, b) in a.iter_mut().zip(&n) {
                let difference = (1 << 32) + *a - b - borrow;
                borrow = 1 - (difference >> 32);
                *a = difference & 0xffff_ffff;
            }
        }
    };
    let add = |a: &mut Vec<u64>, b: &[u64]| {
        let mut carry = 0;
        for (a, b) in a.iter_mut().zip(b) {
            let sum = *a + b + carry;
            carry = sum >> 32;
            *a = sum & 0xffff_ffff;
        }
        reduce(a);
    };
    let multiply = |a: &[u64], b: &[u64]| {
        let mut product = vec![0; n.len()];
        for limb in b.iter().rev() {
            for bit in (0..32).rev() {
                let double = product.clone();
                add(&mut product, &double);
                if limb >> bit & 1 == 1 {
                    add(&mut product, a);
                }
            }
        }
        product
    };
    let base = limbs(signature);
    let mut power = base.clone();
    for _ in 0..16 {
        power = multiply(&power, &power);
    }
    let power = multiply(&power, &base);
    let bytes: Vec<u8> =
        power[..n.len() - 1].iter().rev().flat_map(|l| u32::try_from(*l).unwrap().to_be_bytes()).collect();
    bytes
}
