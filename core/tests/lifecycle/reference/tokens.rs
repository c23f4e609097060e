//! Which tokens came, and what is known of their ends (L7, L8, L9, L18).

use satkeeper_core::lifecycle::*;

use super::time::{Range, signed};
use super::{Answer, View};

/// A token, and how it came.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub id: TokenId,
    /// What it was exchanged from; `None`: a base.
    pub of: Option<TokenId>,
    pub step: usize,
    pub sent: u64,
    pub received: u64,
    pub wall: u64,
    /// Of a mint or an activation.
    pub first: bool,
    pub by: Option<Mechanism>,
    pub says: Statement,
}

/// What the answer of a connect or of a push says, and of which token. A resume speaks of another, perhaps.
const fn said_on_a_socket<'a>(command: &Command, answer: &'a Answer) -> Option<(TokenId, &'a Statement)> {
    match (command.action, &answer.result) {
        (Action::Authenticate { resume: true, .. }, Ok(Reply::Authenticated { resumed: true, .. })) => None,
        (Action::Authenticate { token, .. }, Ok(Reply::Authenticated { statement, .. }))
        | (Action::Reauthenticate { token, .. }, Ok(Reply::Reauthenticated(statement))) => {
            Some((token, statement))
        }
        _ => None,
    }
}

/// When a token ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nobody said, or the server's clock is not known.
    Unknown,
    /// Nobody stated it.
    Assumed(Range),
    Stated(Range),
}

const YEAR_9999: u64 = 253_402_300_799_999;

/// `min(clamp(ttl / 10, 30 s, 300 s), ttl / 2)`.
pub fn lead(life: i64) -> i64 {
    (life / 10).clamp(30_000, 300_000).min(life / 2)
}

/// Most jitter: `min(ttl / 2, 3 · ttl / 4 - lead)` for the first renewal, `lead / 2` later.
pub fn jitter(life: i64, first: bool) -> i64 {
    if first { (life / 2).min(3 * life / 4 - lead(life) + 1).max(0) } else { lead(life) / 2 }
}

impl View<'_> {
    /// Every token that came and was taken, oldest first; one that came twice twice.
    pub fn tokens_that_came(&self) -> Vec<Arrived> {
        let mut arrived: Vec<Arrived> = Vec::new();
        for (happened, input) in self.heard() {
            let step = happened.step;
            let wall = self.steps[step].now.unix.0;
            let received = happened.at;
            match input {
                Input::NewBase { ask, token } => {
                    let refused = self.told_in(step, |event| {
                        matches!(event, Event::Failed { ask: failed, error } if failed == ask
                            && matches!(error, AskError::InvalidCredentials | AskError::Throttled
                                | AskError::Suspended | AskError::SessionOver))
                    });
                    // The very one that is in force is no news.
                    let known = self.told_in(
                        step,
                        |event| matches!(event, Event::Recovered { ask: of, .. } if of == ask),
                    );
                    if !refused && !known && !matches!(self.steps[step].status.phase, Phase::Over(_)) {
                        let (id, says) = (token.token, token.statement);
                        let (sent, first) = (received, false);
                        let new = Arrived { id, of: None, step, sent, received, wall, first, by: None, says };
                        // What is held stays what it is, and keeps its age; what had been let go of is
                        // inspected as a base (L40).
                        let inspected = self.asked().any(|(it, command)| {
                            it.step >= step && command.action == Action::Inspect { base: id }
                        });
                        let before = arrived.iter().rev().find(|it| it.id == id).filter(|_| !inspected);
                        arrived.push(before.map_or(new, |it| {
                            let Statement { expires_in, assumed_life, .. } = it.says;
                            let says = Statement { expires_in, assumed_life, ..says };
                            Arrived { step, by: None, first, says, ..it.clone() }
                        }));
                    }
                }
                Input::Done(command, _) => {
                    let Some(answer) = self.answer(*command).filter(|answer| answer.step == step) else {
                        continue;
                    };
                    let Ok(Reply::Token(facts)) = &answer.result else { continue };
                    let Some((asked, command)) = self.command(*command) else { continue };
                    let unusable = self.told_in(step, |event| {
                        matches!(event, Event::Warn(Warning::RefreshFailed { cause, .. }) if cause.command == command.id)
                    });
                    let no_first = matches!(self.steps[step].status.phase, Phase::Ending);
                    let (of, by) = match command.action {
                        Action::Activate { base, .. } => (Some(base), Mechanism::Bound),
                        Action::Renew { bound, .. } => {
                            let before = arrived.iter().rev().find(|it| it.id == bound);
                            (before.and_then(|it| it.of), Mechanism::Bound)
                        }
                        _ => (None, Mechanism::Provider),
                    };
                    if !unusable && !no_first {
                        let first = matches!(command.action, Action::Mint { .. } | Action::Activate { .. });
                        let (id, says, sent) = (facts.token, facts.statement, asked.at);
                        arrived.push(Arrived {
                            id,
                            of,
                            step,
                            sent,
                            received,
                            wall,
                            first,
                            by: Some(by),
                            says,
                        });
                    }
                }
                _ => {}
            }
        }
        arrived
    }

    /// The last token that came.
    pub fn newest(&self) -> Option<Arrived> {
        self.tokens.last().cloned()
    }

    /// It came, and only once: what is known of its age is plain.
    pub fn arrival(&self, id: TokenId) -> Option<Arrived> {
        let mut all = self.tokens.clone();
        all.retain(|it| it.id == id);
        all.pop().filter(|_| all.is_empty())
    }

    /// Nothing has come since but answers, and the server has refused nothing: what came last is held.
    pub fn is_undisturbed_since(&self, step: usize) -> bool {
        !self.answers.iter().any(|(command, answer)| answer.step >= step && Self::is_refusal(command, answer))
            && !self.heard().any(|(it, input)| it.step > step && matches!(input, Input::NewBase { .. }))
            && !self.told().any(|(it, event)| {
                it.step >= step && matches!(event, Event::Warn(Warning::KeySwitched { .. }))
            })
    }

    /// What was stated of a token elsewhere than in the exchange that brought it.
    fn stated_elsewhere(&self, token: &Arrived) -> Vec<Statement> {
        let said =
            self.answers.iter().filter_map(|(command, answer)| match (command.action, &answer.result) {
                (Action::Inspect { base }, Ok(Reply::Inspected(says))) => Some((base, answer.step, says)),
                _ => said_on_a_socket(command, answer).map(|(of, says)| (of, answer.step, says)),
            });
        said.filter(|(of, step, _)| *of == token.id && *step > token.step).map(|(_, _, says)| *says).collect()
    }

    /// One kind of source has stated the life of this bound token and of another one of its base: only then can it be
    /// said to have grown shorter (L17). An assumed life is nobody's word.
    pub fn may_have_met_its_bases_end(&self, token: &Arrived) -> bool {
        let exchanged = |it: &Arrived| it.says.expires_in.is_some() || it.says.expires_at.is_some();
        let told = |it: &Arrived| self.stated_elsewhere(it).iter().any(|says| says.expires_at.is_some());
        let mut others = self.tokens.iter().filter(|it| it.of == token.of && it.id != token.id);
        token.of.is_some()
            && others.any(|it| (exchanged(it) && exchanged(token)) || (told(it) && told(token)))
    }

    /// The earliest end that anybody stated or assumed: renewal is planned by it (L8).
    pub fn renew_by(&self, token: &Arrived) -> Option<Range> {
        let server = self.server;
        let first_wall = signed(self.steps[0].now.unix.0) - signed(self.steps[0].at);
        let elsewhere = self.stated_elsewhere(token);
        let all = || elsewhere.iter().chain([&token.says]);
        let absolute = all().filter_map(|says| says.expires_at).map(|at| {
            let at = signed(at.0.min(YEAR_9999));
            server.map_or((at - first_wall, at - first_wall), |(from, to)| (at - to, at - from))
        });
        let sent = signed(token.sent);
        let life = token.says.expires_in.map(|life| sent + signed(life));
        let assumed = token.says.assumed_life.map(|life| sent + signed(life));
        let relative = life.into_iter().chain(assumed).map(|at| (at, at));
        let hint = token.says.expiry_hint.map(|hint| {
            let hint = signed(hint.0.min(YEAR_9999));
            let local = hint - signed(token.wall) + signed(token.received);
            server.map_or((local, local), |(from, to)| (local.min(hint - to), local.min(hint - from)))
        });
        let (from, to) =
            absolute.chain(relative).chain(hint).reduce(|one, two| (one.0.min(two.0), one.1.min(two.1)))?;
        Some((from.saturating_sub(self.slack).max(0), to.max(0)))
    }

    /// The end that counts: the latest that the server stated, else the provider's, else an assumed one (L8).
    pub fn end(&self, token: &Arrived) -> End {
        let (server, slack) = (self.server, self.slack);
        let elsewhere = self.stated_elsewhere(token);
        let all = || elsewhere.iter().chain([&token.says]);
        let at = |at: u64| {
            server.map(|(from, to)| (signed(at.min(YEAR_9999)) - to, signed(at.min(YEAR_9999)) - from))
        };
        let received = signed(token.received);
        let absolute = all().filter_map(|says| says.expires_at).map(|time| at(time.0));
        let relative =
            token.says.expires_in.map(|life| Some((received + signed(life), received + signed(life))));
        let stated: Vec<Option<Range>> = absolute.chain(relative).collect();
        let widen = |(from, to): Range| (from.saturating_sub(slack).max(0), to.max(0));
        if !stated.is_empty() {
            let latest = stated.into_iter().flatten().reduce(|one, two| (one.0.max(two.0), one.1.max(two.1)));
            return latest.map_or(End::Unknown, |latest| End::Stated(widen(latest)));
        }
        if let Some(hint) = token.says.expiry_hint {
            let local = signed(hint.0.min(YEAR_9999)) - signed(token.wall) + received;
            let both = at(hint.0).map(|(from, to)| (from.max(local), to.max(local)));
            return both.map_or(End::Unknown, |both| End::Stated(widen(both)));
        }
        let assumed = token.says.assumed_life.map(|life| received + signed(life));
        assumed.map_or(End::Unknown, |at| End::Assumed(widen((at, at))))
    }

    /// Its whole life, as renewal is planned by.
    pub fn life(&self, token: &Arrived) -> Option<Range> {
        let (from, to) = self.renew_by(token)?;
        let received = signed(token.received);
        Some(((from - received).max(0), (to - received).saturating_add(self.slack).max(0)))
    }

    /// When its renewal is due (L18).
    pub fn due(&self, token: &Arrived) -> Option<Range> {
        let ((from, to), (least, most)) = (self.renew_by(token)?, self.life(token)?);
        Some((from - lead(most) - jitter(most, token.first), to - lead(least)))
    }

    /// What the server acknowledged, in order (L28).
    pub fn acknowledged(&self) -> impl Iterator<Item = TokenId> {
        self.answers.iter().filter_map(|(command, answer)| match (command.action, &answer.result) {
            (Action::Authenticate { token, .. }, Ok(Reply::Authenticated { .. }))
            | (Action::Reauthenticate { token, .. }, Ok(Reply::Reauthenticated(_))) => Some(token),
            _ => None,
        })
    }

    /// It has been in force and had to give way.
    pub fn is_over(&self, token: TokenId) -> bool {
        self.in_force().0 != Some(token) && self.acknowledged().any(|it| it == token)
    }

    /// It has been in force, and one that came before it has taken its place: it ended sooner, and is gone (L7).
    pub fn gave_way_to_older(&self, token: &Arrived) -> bool {
        let came = |id| self.tokens.iter().find(|it| it.id == id).map(|it| it.step);
        self.acknowledged()
            .skip_while(|id| *id != token.id)
            .any(|id| came(id).is_some_and(|step| step < token.step))
    }

    /// The token that the server last acknowledged, and how often it has acknowledged another one (L7).
    pub fn in_force(&self) -> (Option<TokenId>, u64) {
        self.acknowledged().fold((None, 0), |(token, generation), acknowledged| {
            (Some(acknowledged), generation + u64::from(token != Some(acknowledged)))
        })
    }

    /// Whether the base carries `sat:refresh`, as the first who knew it said (L14).
    pub fn scope(&self, base: &Arrived) -> Option<bool> {
        let bound = self.tokens.iter().any(|it| it.of == Some(base.id));
        // What was said before it came again may have gone with it.
        let answers = self.answers.iter().filter(|(_, answer)| answer.step >= base.step);
        let said = answers.filter_map(|(command, answer)| match (command.action, &answer.result) {
            (Action::Inspect { base: of }, Ok(Reply::Inspected(says))) if of == base.id => {
                Some(says.scope.unwrap_or(false))
            }
            _ => said_on_a_socket(command, answer).filter(|(of, _)| *of == base.id)?.1.scope,
        });
        base.says.scope.or_else(|| said.into_iter().next()).or(bound.then_some(true))
    }

    /// What is known of the proof key: there, not to be had, or on its way (L48).
    pub fn has_key(&self) -> Option<bool> {
        let asked = self.asked().rev().find(|(_, command)| matches!(command.action, Action::MakeKey { .. }));
        let made = asked.and_then(|(it, command)| match self.answer(command.id) {
            Some(answer) => Some(answer.result.is_ok()),
            // Not in time.
            None => self.steps[it.step..].iter().any(|at| at.at >= command.deadline.0).then_some(false),
        });
        let no_key = self.answers.iter().any(|(command, answer)| {
            matches!(command.action, Action::Activate { .. } | Action::Renew { .. })
                && answer.result == Err(Failure::NoKey)
        });
        match self.start().key {
            KeyFacts::Unavailable => Some(false),
            _ if no_key => Some(false),
            KeyFacts::Held { .. } if asked.is_none() => Some(true),
            _ => made,
        }
    }
}
