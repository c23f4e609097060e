//! `Session` against a scripted server (`world`), and against what no honest one sends (`bytes`).
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a failing test is a panic"
)]

mod bytes;
mod calls;
mod edges;
mod edges_kept;
mod frames;
mod hostile;
mod hosts;
mod ice;
mod phone;
mod proofs;
mod providers;
mod restore;
mod rules;
mod secrets;
mod trial;
mod world;
