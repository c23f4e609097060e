//! Which inputs are never met in which phases, and why.

use std::collections::BTreeSet;

use super::show::PHASES;

/// What befalls a socket that serves, one that is coming, and one that was replaced.
const SERVING: [&str; 4] = ["socket lost", "socket dead", "restart", "restart, wiped"];
const COMING: [&str; 2] = ["coming lost", "coming stated"];
const PARTING: [&str; 3] = ["parting lost", "parting answers", "parting restarts"];

/// Phases, inputs that cannot come in them, and the reason.
const UNREACHABLE: [(&[&str], &[&str], &str); 23] = [
    (&["idle"], &[], "nothing comes before the start; it is ignored (`what_makes_no_sense_is_ignored`)"),
    (
        &["over"],
        &[],
        "each step is empty then (R29), which `nothing_follows_the_end` checks in each such state",
    ),
    (
        &["minting", "connecting", "live", "reconnecting", "expired", "suspended", "ending", "over"],
        &["start"],
        "once",
    ),
    (&["minting", "connecting", "live", "reconnecting", "expired", "ending"], &["resume"], "not suspended"),
    (
        &["minting", "connecting", "live", "reconnecting", "expired", "suspended"],
        &["erase"],
        "only `destroy` erases, and that is the end (R33)",
    ),
    (
        &["minting"],
        &[
            "activate",
            "renew",
            "reauthenticate",
            "authenticate",
            "open",
            "inspect",
            "refresh",
            "probe",
            "close",
        ],
        "no token is held, and no socket open",
    ),
    (&["minting", "suspended", "ending"], &SERVING, "the socket has been closed, or never was (R33)"),
    (&["minting", "suspended", "ending"], &COMING, "so has the one that was coming"),
    (&["minting", "connecting", "suspended", "ending"], &PARTING, "nothing is replaced that has not served"),
    (
        &["minting", "connecting", "suspended", "ending"],
        &["resume state"],
        "only a server that has accepted a connect hands any out",
    ),
    (&["connecting"], &SERVING, "none serves yet"),
    (&["connecting"], &["reauthenticate", "probe"], "for sockets that serve (R22, R23)"),
    (&["minting", "connecting"], &["rejected of old"], "there is no older generation"),
    (&["live", "reconnecting", "expired"], &["make_key"], "a key is made for a first token"),
    (&["reconnecting"], &["mint", "activate"], "left out: whoever is asked first answers (`slow`)"),
    (
        &["expired"],
        &["activate", "renew", "reauthenticate", "authenticate", "open"],
        "nothing is asked for with what has ended; left out: sockets that answer late beside a late provider",
    ),
    (&["expired"], &COMING, "so is one that is coming when the last token ends"),
    (
        &["live"],
        &COMING,
        "left out: one that is shown a token beside the one that serves is not disturbed, too",
    ),
    (&["suspended"], &["make_key", "wall"], "left out: slices that make keys or set clocks do not rest"),
    (
        &["reconnecting"],
        &["socket dead"],
        "one that serves and is doubted is live until it is replaced (R22)",
    ),
    (
        &["ending"],
        &[
            "mint",
            "refresh",
            "activate",
            "renew",
            "inspect",
            "make_key",
            "reauthenticate",
            "probe",
            "open",
            "authenticate",
        ],
        "nothing in flight brings it back (R33)",
    ),
    (
        &["suspended"],
        &["open", "authenticate", "reauthenticate", "probe", "suspend"],
        "no socket is open (R33)",
    ),
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
