//! The bytes behind the numbers.

pub(super) mod keys;
pub(super) mod nonces;
pub(super) mod refresh_token;
pub(super) mod tokens;
