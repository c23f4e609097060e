//! The rules that can be judged from what is heard, asked and told; each after every step.
//!
//! | file | rules |
//! |---|---|
//! | `step` | R29, R33: who is heard, what changes nothing, deadlines, rest, the end |
//! | `clock` | R1 to R4: sleep, ends, the server's clock, what proofs are signed by |
//! | `token` | R6 to R10: order, in force, hints, failed attempts, refusals |
//! | `attempt` | R13 to R17: records, places, late answers, what is void, when and by whom tokens are renewed |
//! | `pace` | R18 to R20: waits, `Retry-After`, budgets |
//! | `socket` | R21 to R23: connects, resumes, the parted socket, pushes and shows |
//! | `hope` | R25, R26: live, hopeless, the end, the first token |
//! | `waiters` | R27, R28: outcomes, announcements |

mod attempt;
mod clock;
mod hope;
mod pace;
mod socket;
mod step;
mod token;
mod waiters;

use super::{History, View};

/// What it is, and what is wrong with it, if anything is.
type Rule = (&'static str, fn(&View<'_>) -> Result<(), String>);

/// What is wrong, if anything.
fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

/// The first rule that the last step has broken, if it has.
pub fn judge(history: &History) -> Result<(), String> {
    let view = history.view();
    let groups: [&[Rule]; 8] = [
        &step::RULES,
        &clock::RULES,
        &token::RULES,
        &attempt::RULES,
        &pace::RULES,
        &socket::RULES,
        &hope::RULES,
        &waiters::RULES,
    ];
    for (rule, holds) in groups.into_iter().flatten() {
        holds(&view).map_err(|why| format!("{rule}: {why}"))?;
    }
    Ok(())
}
