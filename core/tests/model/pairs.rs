//! Which inputs are never met in which phases, and why.

use std::collections::BTreeSet;

use super::show::PHASES;

/// Answers about a token.
const TOKEN: [&str; 5] = ["activate", "renew", "reauthenticate", "authenticate", "open"];
/// What befalls a socket.
const SOCKET: [&str; 4] = ["socket lost", "socket dead", "restart", "restart, wiped"];
/// Answers of a server or a provider.
const REMOTE: [&str; 9] = [
    "activate",
    "renew",
    "reauthenticate",
    "authenticate",
    "open",
    "inspect",
    "probe",
    "refresh",
    "make_key",
];

/// Phases, inputs that cannot come in them, and the reason.
const UNREACHABLE: [(&[&str], &[&str], &str); 17] = [
    (&["idle"], &[], "nothing comes before the start; it is ignored (`what_makes_no_sense_is_ignored`)"),
    (
        &["over"],
        &[],
        "each step is empty then (L1), which `nothing_follows_the_end` checks in each such state",
    ),
    (
        &["minting", "connecting", "live", "reconnecting", "expired", "suspended", "ending", "over"],
        &["start"],
        "once",
    ),
    (&["minting", "connecting", "live", "reconnecting", "expired", "ending"], &["resume"], "not suspended"),
    (
        &["minting", "connecting", "reconnecting", "expired", "suspended", "ending"],
        &["resume state"],
        "only a server that has accepted a connect hands any out",
    ),
    (
        &["minting", "connecting", "live", "reconnecting", "expired", "suspended"],
        &["erase"],
        "only `destroy` erases, and that is the end (L41)",
    ),
    (&["connecting", "reconnecting"], &["reauthenticate", "probe"], "for live sockets only (L26, L36)"),
    (&["minting"], &TOKEN, "no token is held"),
    (&["minting"], &["inspect", "refresh", "probe", "close"], "no token is held, and no socket open"),
    (&["minting"], &SOCKET, "no socket is open that nobody could authenticate (L35)"),
    (&["expired"], &TOKEN, "no token is valid, and an attempt's deadline is not past the end (L18, L22)"),
    (
        &["expired"],
        &["make_key", "probe"],
        "a key is made for a first token or a connect, of which there is none",
    ),
    (&["expired", "suspended", "ending"], &SOCKET, "the socket has been closed (L22, L41)"),
    (&["suspended", "ending"], &REMOTE, "what was under way has been given up (L41)"),
    (&["suspended"], &["persist", "suspend", "tick"], "nothing is due at rest, nothing awaited (L41)"),
    (&["ending"], &["mint"], "nothing in flight brings it back (L41)"),
    (
        &["ending"],
        &["process dies, start", "rejected of old"],
        "left out of the search: what the record holds then is the same as without the end",
    ),
];

/// The search has met every pair that is not listed, and none that is.
pub fn agree(met: &BTreeSet<(&'static str, String)>) -> Result<(), String> {
    let mut wrong = String::new();
    let inputs: BTreeSet<&str> = met.iter().map(|(_, input)| input.as_str()).collect();
    for phase in PHASES {
        for input in &inputs {
            let listed = |(phases, which, _): &&(&[&str], &[&str], &str)| {
                // No inputs: all but the start.
                phases.contains(&phase) && (which.contains(input) || which.is_empty() && *input != "start")
            };
            let listed = UNREACHABLE.iter().find(listed).map(|(_, _, reason)| reason);
            match (listed, met.contains(&(phase, (*input).to_owned()))) {
                (Some(reason), true) => {
                    wrong.push_str(&format!("met: {input} while {phase}; listed: {reason}\n"))
                }
                (None, false) => wrong.push_str(&format!("not met, and not listed: {input} while {phase}\n")),
                _ => {}
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}
