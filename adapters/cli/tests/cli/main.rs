//! The binary, run as users run it.

mod canaries;
mod demo;
mod exec;
mod memory;
mod program;
mod proofs;
mod run;
mod serve;
#[cfg(unix)]
mod signal_requests;
mod stopping;
mod usage;
