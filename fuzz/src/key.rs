//! Any bytes as a key file.

use satkeeper_core::dpop::ProofKey;
use satkeeper_host::keys;

/// As PKCS #8, in PEM and in DER, to the core (P-256 by p256) and to the adapters (aws-lc-rs): refused, or a key
/// with a thumbprint of 43 characters that signs; the two do not disagree about what a P-256 key is called (R35).
///
/// # Panics
/// When that is not so: that is a finding.
pub fn key(data: &[u8]) {
    agree(ProofKey::es256_from_pkcs8_der(data).ok(), keys::es256_from_pkcs8_der(data).ok());
    let _ = keys::rs256_from_pkcs8_der(data);
    if let Ok(pem) = core::str::from_utf8(data) {
        agree(ProofKey::es256_from_pkcs8_pem(pem).ok(), keys::from_pkcs8_pem(pem).ok());
    }
}

/// One of them may be stricter about the encoding.
fn agree(ours: Option<ProofKey>, theirs: Option<ProofKey>) {
    for key in [&ours, &theirs].into_iter().flatten() {
        assert_eq!(key.thumbprint().len(), 43);
    }
    if let (Some(ours), Some(theirs)) = (ours, theirs) {
        assert_eq!(ours.thumbprint(), theirs.thumbprint());
    }
}
