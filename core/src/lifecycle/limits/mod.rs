//! How often anybody is asked: back-off, rate limiter, and the draws that spread both. They know nothing of sessions.

pub(crate) mod bucket;
pub(crate) mod pace;
pub(crate) mod random;
