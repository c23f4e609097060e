//! The binary, run as users run it.

mod demo;
mod program;
mod run;
mod serve;
mod usage;
