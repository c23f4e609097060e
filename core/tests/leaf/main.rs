//! The leaves: secrets, wire formats, proofs, errors, each by itself.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a failing test is a panic"
)]

mod dpop;
mod edges;
mod errors;
mod frames;
mod hostile;
mod rest;
mod routing;
mod time;
