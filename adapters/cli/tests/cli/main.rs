//! The binary, run as users run it.

mod canaries;
mod demo;
mod program;
mod run;
mod serve;
mod usage;
