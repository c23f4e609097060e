//! The operating system's randomness.

use satkeeper_core::secret::Seed;

use crate::error::Error;

/// A seed for one session.
///
/// ```
/// let seed = satkeeper_host::random::seed()?;
/// # drop(seed);
/// # Ok::<(), satkeeper_host::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setup`] where the operating system has none.
pub fn seed() -> Result<Seed, Error> {
    bytes().map(Seed::from_bytes)
}

pub(crate) fn bytes() -> Result<[u8; 32], Error> {
    let mut bytes = [0_u8; 32];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Error::Setup { message: "the operating system has no randomness".to_owned() })?;
    Ok(bytes)
}
