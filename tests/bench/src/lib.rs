//! What satkeeper costs: time, instructions, allocations, memory. `cargo run --release -p satkeeper-bench`
//! measures all of it and writes `tests/bench/results`.
//!
//! | file | what it holds |
//! |---|---|
//! | `lifecycle` | the machine alone: an early tick, a renewal round, from cold to bound |
//! | `session` | the same with wire formats, against a server of a few lines |
//! | `proofs` | proofs against bare signatures of the same library |
//! | `measure` | the least time of many batches; allocations |
//! | `plot` | a fleet's requests over time, as SVG |

pub mod lifecycle;
pub mod measure;
pub mod plot;
pub mod proofs;
pub mod session;
