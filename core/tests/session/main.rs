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

mod beside;
mod bytes;
mod calls;
mod damaged;
mod edges;
mod edges_kept;
mod frames;
mod hostile;
mod hosts;
mod ice;
mod one_time;
mod pages;
mod path;
mod phone;
mod proofs;
mod providers;
mod restore;
mod rules;
mod secrets;
mod world;
