//! What satkeeper costs: time, instructions, allocations, memory. `cargo run --release -p satkeeper-bench`
//! measures all of it and writes `tests/bench/results`.
//!
//! | file | what it holds |
//! |---|---|
//! | `lifecycle` | the machine alone: an early tick, a renewal round, from cold to bound |
//! | `session` | the same with wire formats, against a server of a few lines |
//! | `criterion` | `benches/time.rs`, and what criterion made of it |
//! | `instructions` | `benches/instructions.rs`, and what valgrind counted |
//! | `allocations` | what is allocated, and kept |
//! | `fleet` | a day of very many sessions |
//! | `child` | programs that measure |
//! | `plot` | a fleet's requests over time, as SVG |

pub mod allocations;
pub mod child;
pub mod criterion;
pub mod fleet;
pub mod instructions;
pub mod lifecycle;
pub mod plot;
pub mod session;
