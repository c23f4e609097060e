//! The binary, run as users run it.

mod canaries;
mod demo;
mod exec;
mod program;
mod run;
mod serve;
mod stopping;
mod usage;
