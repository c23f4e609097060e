//! Values that must never be printed.
//!
//! [`Secret`] and [`Seed`] have no `Display` or `Serialize`, and their `Debug` shows that they are there and nothing
//! of them, not even a length; so a value that holds one cannot reach a log, a trace, a panic message or a snapshot
//! by accident (R36). Both overwrite their memory when dropped.
//!
//! What they cannot promise: the buffers of JSON encoders, HTTP clients and TLS stacks keep copies of the same
//! bytes that nobody wipes.

use alloc::string::String;
use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Text that must never be printed: a token, a proof, a refresh token, an `authorization_state`, an API token.
///
/// Wiped on drop. Equality looks at every byte of two values of the same length, whatever it finds on the way.
///
/// ```
/// # use satkeeper_core::secret::Secret;
/// let token = Secret::new("only on purpose");
/// assert_eq!(token.expose(), "only on purpose");
/// assert_eq!(format!("{token:?} {token:#?}"), "Secret(..) Secret(..)");
/// # let _: fn(&str) -> serde_json::Result<String> = |text| serde_json::to_string(text);
/// ```
///
/// ```compile_fail
/// # use satkeeper_core::secret::Secret;
/// format!("{}", Secret::new("no Display"));
/// ```
///
/// ```compile_fail
/// # use satkeeper_core::secret::Secret;
/// serde_json::to_string(&Secret::new("no Serialize"));
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over. The caller's own copies, if it has any, are the caller's to wipe.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Every call of this is a place to audit.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        if self.len() != other.len() {
            return false;
        }
        // No early exit: the time taken must not tell how much of a guess was right.
        let difference = self.0.bytes().zip(other.0.bytes()).fold(0_u8, |sum, (a, b)| sum | (a ^ b));
        core::hint::black_box(difference) == 0
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl ZeroizeOnDrop for Secret {}

/// The 32 bytes from which a session draws its jitter and its proof ids (R30).
///
/// It has no default: two sessions with the same seed make the same ids. Wiped on drop.
///
/// ```
/// # use satkeeper_core::secret::Seed;
/// assert_eq!(format!("{:?}", Seed::from_bytes([0; 32])), "Seed(..)");
/// ```
///
/// ```compile_fail
/// # use satkeeper_core::secret::Seed;
/// let seed = Seed::default();
/// ```
// proves R30.3: by the two examples above
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Seed([u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

impl Seed {
    /// From 32 bytes of the operating system's randomness, or, in a replay, the recorded ones.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the generator.
    pub(crate) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Secret, Seed};
    use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

    #[test]
    fn what_is_secret_is_wiped_when_it_is_dropped() {
        // proves R36.3: by its type, whatever becomes of the fields
        const fn is_wiped_on_drop<T: ZeroizeOnDrop>(_: &T) {}
        is_wiped_on_drop(&Seed::from_bytes([7; 32]));
        let secret = Secret::new("abc");
        is_wiped_on_drop(&secret);
        let text: &Zeroizing<_> = &secret.0;
        assert_eq!(text.as_str(), "abc");
    }

    #[test]
    fn equality_is_of_the_whole_text() {
        assert!(Secret::new("abc") == Secret::new("abc"));
        for other in ["", "ab", "abd", "bbc", "abcd"] {
            assert!(Secret::new("abc") != Secret::new(other), "{other}");
        }
        assert!(Secret::new("").is_empty());
        assert_eq!(Secret::new("äb").len(), 3);
    }

    #[test]
    fn a_seed_gives_its_bytes_and_can_be_wiped() {
        let mut seed = Seed::from_bytes([7; 32]);
        assert_eq!(seed.bytes(), &[7; 32]);
        seed.zeroize();
        assert_eq!(seed.bytes(), &[0; 32]);
    }
}
