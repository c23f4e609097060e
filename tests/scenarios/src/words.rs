//! The grammar of statements.

use satkeeper_core::lifecycle::{KeyAlgorithm, ProviderFacts};

use crate::span;
use crate::statement::{Bad, Expectation, Hint, How, Key, Provider, Says, Setting, Statement, Which};

/// What the world can be asked for, and so be told to treat otherwise.
pub(crate) const COMMANDS: [&str; 14] = [
    "make-key", "mint", "refresh", "inspect", "activate", "renew", "open", "connect", "push", "ping",
    "persist", "erase", "close", "call",
];

/// Reads a statement.
pub(crate) fn statement(text: &str) -> Result<Statement, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if let Some(rest) = text.strip_prefix("expect ") {
        return expectation(rest.trim()).map(Statement::Expect);
    }
    if let Some(frame) = text.strip_prefix("server sends ") {
        return Ok(Statement::ServerSends(frame.trim().to_owned()));
    }
    if let Some(statement) = happening(&words)? {
        return Ok(statement);
    }
    if let Some(setting) = setting(&words)? {
        return Ok(Statement::Set(setting));
    }
    treatment(&words)
}

fn happening(words: &[&str]) -> Result<Option<Statement>, String> {
    Ok(Some(match words {
        ["start"] => Statement::Start,
        ["end"] => Statement::End,
        ["in", "short"] => Statement::InShort,
        ["socket", "drops"] => Statement::SocketDrops,
        ["server", "restarts"] => Statement::ServerRestarts { wipe: false },
        ["server", "restarts", "and", "wipes"] => Statement::ServerRestarts { wipe: true },
        ["server", "pings"] => Statement::ServerPings,
        ["network", "silent"] => Statement::NetworkSilent,
        ["network", "down"] => Statement::NetworkDown,
        ["network", "up"] => Statement::NetworkUp,
        ["network", "changes"] => Statement::NetworkChanges,
        ["lid", "closed", span] => Statement::Sleep(length(span)?),
        ["process", "stopped", span] => Statement::Nap(length(span)?),
        ["clock", "set", "forward", span] => Statement::ClockSet(length(span)?.cast_signed()),
        ["clock", "set", "back", span] => Statement::ClockSet(-length(span)?.cast_signed()),
        ["token", token, "revoked"] => Statement::Revoke(number(token)?),
        ["killed", span] => Statement::Kill(length(span)?),
        ["suspend"] => Statement::Suspend,
        ["resume"] => Statement::Resume,
        ["disconnect"] => Statement::Disconnect,
        ["leave"] => Statement::Leave,
        ["destroy"] => Statement::Destroy,
        ["refresh", "now"] => Statement::RefreshNow,
        ["rejected"] => Statement::Rejected,
        ["update", "token", "again", token] => Statement::UpdateTokenAgain(number(token)?),
        ["update", "token", "life", life, rest @ ..] => Statement::UpdateToken {
            life: length(life)?,
            scope: rest.contains(&"scope"),
            foreign: rest.contains(&"foreign"),
        },
        ["new", "provider", rest @ ..] => Statement::NewProvider(capabilities(rest)?),
        ["call", method] if *method != "mends" => Statement::Call((*method).to_owned()),
        _ => return Ok(None),
    }))
}

fn setting(words: &[&str]) -> Result<Option<Setting>, String> {
    Ok(Some(match words {
        ["provider", "subscriber"] => Setting::Provider(Provider::Subscriber),
        ["provider", "says", "nothing"] => Setting::Hint(Hint::Nothing),
        ["provider", "says", "end"] => Setting::Hint(Hint::True),
        ["provider", "says", "end", "in", "seconds"] => Setting::Hint(Hint::Seconds),
        ["provider", "says", "end", "in", span] => Setting::Hint(Hint::In(length(span)?)),
        ["provider", rest @ ..] => Setting::Provider(Provider::Callback(capabilities(rest)?)),
        ["base", "life", life] => Setting::BaseLife(length(life)?),
        ["bound", "life", life] => Setting::BoundLife(length(life)?),
        ["base", "scope", answer] => Setting::BaseScope(yes(answer)?),
        ["refreshed", "scope", answer] => Setting::RefreshedScope(yes(answer)?),
        ["clock", "ahead", span] => Setting::ClockAhead(length(span)?.cast_signed()),
        ["clock", "behind", span] => Setting::ClockAhead(-length(span)?.cast_signed()),
        ["proofs", "within", span] => Setting::ProofWindow(Some(length(span)?)),
        ["latency", span] => Setting::Latency(length(span)?),
        ["server", "states", "ends"] => Setting::StatesEnds(true),
        ["server", "states", "nothing"] => Setting::StatesEnds(false),
        ["server", "tells", "time", answer] => Setting::TellsTime(yes(answer)?),
        ["server", "resumes", answer] => Setting::Resumes(yes(answer)?),
        ["server", "renews", "state", answer] => Setting::RenewsState(yes(answer)?),
        ["server", "closes", "at", "the", "end"] => Setting::ClosesAtEnd(true),
        ["connect", "tells", "scope"] => Setting::ConnectTellsScope(true),
        ["store"] => Setting::Store(true),
        ["key", "auto"] => Setting::Key(Key::Auto),
        ["key", "es256"] => Setting::Key(Key::Fixed(KeyAlgorithm::Es256)),
        ["key", "rs256"] => Setting::Key(Key::Fixed(KeyAlgorithm::Rs256)),
        ["key", "none"] => Setting::Key(Key::Nobody),
        ["policy", name] => Setting::Policy(
            ["exact", "default", "browser"]
                .into_iter()
                .find(|known| known == name)
                .ok_or_else(|| format!("no policy is called {name:?}: exact, default or browser"))?,
        ),
        ["seed", seed] => Setting::Seed(number(seed)?),
        _ => return Ok(None),
    }))
}

fn treatment(words: &[&str]) -> Result<Statement, String> {
    let (which, rest) = match words {
        ["next", rest @ ..] => match rest.first().and_then(|word| word.parse().ok()) {
            Some(times) => (Which::Next(times), rest.get(1..).unwrap_or_default()),
            None => (Which::Next(1), rest),
        },
        ["every", rest @ ..] => (Which::Every, rest),
        [name, "mends"] => {
            return Ok(Statement::Treat { which: Which::Every, name: command(name)?, how: None });
        }
        _ => return Err(format!("nothing is known that reads {:?}", words.join(" "))),
    };
    let (name, rest) = rest.split_first().ok_or("a command is missing")?;
    Ok(Statement::Treat { which, name: command(name)?, how: Some(how(rest)?) })
}

fn how(words: &[&str]) -> Result<How, String> {
    let (mut how, mut rest) = (How::default(), words);
    if rest.is_empty() {
        return Err("how the command is treated is missing".to_owned());
    }
    while !rest.is_empty() {
        rest = match rest {
            ["silence", rest @ ..] => {
                how.silence = true;
                rest
            }
            ["lost", rest @ ..] => {
                how.lost = true;
                rest
            }
            ["late", span, rest @ ..] => {
                how.late = Some(length(span)?);
                rest
            }
            ["life", span, rest @ ..] => {
                how.life = Some(length(span)?);
                rest
            }
            ["foreign", rest @ ..] => {
                how.foreign = true;
                rest
            }
            ["says", "nothing", rest @ ..] => {
                how.says = Some(Says::Nothing);
                rest
            }
            ["says", "absolute", "end", rest @ ..] => {
                how.says = Some(Says::Absolute);
                rest
            }
            ["says", "milliseconds", rest @ ..] => {
                how.says = Some(Says::Milliseconds);
                rest
            }
            ["says", "end", "in", span, rest @ ..] => {
                how.says = Some(Says::EndIn(length(span)?));
                rest
            }
            ["says", "ended", span, "ago", rest @ ..] => {
                how.says = Some(Says::EndedAgo(length(span)?));
                rest
            }
            _ => {
                let (bad, rest) = failure(rest)?;
                how.bad = Some(bad);
                rest
            }
        };
    }
    Ok(how)
}

fn failure<'a, 'b>(words: &'a [&'b str]) -> Result<(Bad, &'a [&'b str]), String> {
    let later = |rest: &'a [&'b str]| match rest {
        ["retry-after", span, rest @ ..] => length(span).map(|span| (Some(span), rest)),
        _ => Ok((None, rest)),
    };
    Ok(match words {
        ["breaks", rest @ ..] => (Bad::Breaks, rest),
        ["malformed", rest @ ..] => (Bad::Malformed, rest),
        ["rejects", rest @ ..] => (Bad::Rejects, rest),
        ["no-key", rest @ ..] => (Bad::NoKey, rest),
        ["wants", "nonce", rest @ ..] => (Bad::Nonce, rest),
        ["refused", code, rest @ ..] => {
            (Bad::Rpc(code.parse().map_err(|_| format!("{code:?} is no code"))?), rest)
        }
        ["result", code, rest @ ..] => {
            (Bad::Result(code.parse().map_err(|_| format!("{code:?} is no code"))?), rest)
        }
        ["page", status, rest @ ..] => {
            let (retry_after, rest) = later(rest)?;
            (Bad::Page { status: http_status(status)?, retry_after }, rest)
        }
        ["fails", rest @ ..] => {
            let (retry_after, rest) = later(rest)?;
            (Bad::Fails { retry_after }, rest)
        }
        [status, rest @ ..] => {
            let status = http_status(status)?;
            let (retry_after, rest) = later(rest)?;
            (Bad::Http { status, retry_after }, rest)
        }
        [] => return Err("how the command is treated is missing".to_owned()),
    })
}

fn http_status(text: &str) -> Result<u16, String> {
    let status = text.parse().ok().filter(|status| (100..600).contains(status));
    status.ok_or_else(|| format!("nothing is known of {text:?} as a treatment"))
}

fn expectation(text: &str) -> Result<Expectation, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["over", reason] => return Ok(Expectation::Over((*reason).to_owned())),
        ["mechanism", name] => return Ok(Expectation::Mechanism((*name).to_owned())),
        ["in", "force", "bound"] => return Ok(Expectation::InForce { bound: true }),
        ["in", "force", "base"] => return Ok(Expectation::InForce { bound: false }),
        ["phase", name] => return Ok(Expectation::Phase((*name).to_owned())),
        _ => {}
    }
    let (words, since) = match words.as_slice() {
        [words @ .., "since", span] => (words, Some(length(span)?)),
        words => (words, None),
    };
    let (least, most, what) = match words {
        ["no", what @ ..] => (0, 0, what),
        ["at", "most", times, what @ ..] => (0, number(times)?, what),
        ["at", "least", times, what @ ..] => (number(times)?, u32::MAX, what),
        [times, what @ ..] => (number(times)?, number(times)?, what),
        [] => return Err("what is expected is missing".to_owned()),
    };
    if what.is_empty() {
        return Err("what is counted is missing".to_owned());
    }
    Ok(Expectation::Count { least, most, what: what.join(" "), since })
}

fn capabilities(words: &[&str]) -> Result<ProviderFacts, String> {
    let (can_refresh, can_mint_again) = match words {
        ["can", "refresh"] => (true, false),
        ["can", "mint", "again"] => (false, true),
        ["can", "refresh", "and", "mint", "again"] => (true, true),
        ["can", "nothing"] => (false, false),
        _ => {
            return Err("a provider can refresh, can mint again, can refresh and mint again, can nothing, \
                        or is subscriber"
                .to_owned());
        }
    };
    Ok(ProviderFacts { can_refresh, can_mint_again, may_be_asked_twice: false })
}

fn command(name: &str) -> Result<&'static str, String> {
    COMMANDS
        .into_iter()
        .find(|known| *known == name)
        .ok_or_else(|| format!("{name:?} is no command: {}", COMMANDS.join(", ")))
}

fn length(text: &str) -> Result<u64, String> {
    span::parse(text).ok_or_else(|| format!("{text:?} is no length of time such as 1h30m or 500ms"))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

fn yes(answer: &str) -> Result<bool, String> {
    match answer {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(format!("{answer:?} is neither yes nor no")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_read_as_they_are_meant() {
        let treat = |which, name, how| Statement::Treat { which, name, how: Some(how) };
        for (text, meant) in [
            ("lid closed 20m", Statement::Sleep(1_200_000)),
            ("base life 2h", Statement::Set(Setting::BaseLife(7_200_000))),
            (
                "next 3 renew 429 retry-after 30s",
                treat(
                    Which::Next(3),
                    "renew",
                    How { bad: Some(Bad::Http { status: 429, retry_after: Some(30_000) }), ..How::default() },
                ),
            ),
            (
                "every refresh late 20s fails",
                treat(
                    Which::Every,
                    "refresh",
                    How { bad: Some(Bad::Fails { retry_after: None }), late: Some(20_000), ..How::default() },
                ),
            ),
            (
                "expect at most 4 > renew since 10m",
                Statement::Expect(Expectation::Count {
                    least: 0,
                    most: 4,
                    what: "> renew".to_owned(),
                    since: Some(600_000),
                }),
            ),
        ] {
            assert_eq!(statement(text), Ok(meant), "{text}");
        }
    }

    #[test]
    fn what_is_no_statement_is_said() {
        for (text, part) in [
            ("socket explodes", "nothing is known that reads"),
            ("next frobnicate 503", "is no command"),
            ("next renew", "is missing"),
            ("next renew sideways", "nothing is known of"),
            ("base life soon", "no length of time"),
            ("expect many > renew", "is no number"),
            ("policy lax", "no policy"),
        ] {
            let error = statement(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
