//! The binary, run as users run it.

mod canaries;
mod demo;
mod exec;
mod memory;
mod program;
mod proofs;
mod run;
mod serve;
mod stopping;
mod usage;
#[cfg(unix)]
mod wishes;
