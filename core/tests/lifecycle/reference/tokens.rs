//! Which tokens came, when they end and are due, which is in force, which are refused (R2, R6 to R10, R16).

use satkeeper_core::lifecycle::*;

use super::commands::{Endpoint, Verdict, endpoint};
use super::time::{Range, hull, signed};
use super::{Answer, View};

/// A token, and how it came.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub id: TokenId,
    /// What it was exchanged from; `None`: a base.
    pub of: Option<TokenId>,
    /// Who brought it; `None`: the application.
    pub by: Option<Endpoint>,
    /// The step in which it was asked for, and when.
    pub asked: usize,
    pub sent: u64,
    pub step: usize,
    pub received: u64,
    /// What the local clock showed then.
    pub wall: u64,
    /// The server's time in the same answer.
    pub date: Option<u64>,
    pub says: Statement,
}

/// When a token ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nobody said; an assumed life is no evidence (R8).
    Unsaid,
    Said(Range),
}

/// What an answer said of a token, and when.
struct Word {
    says: Statement,
    sent: u64,
    received: u64,
    wall: u64,
    date: Option<u64>,
}

const YEAR_9999: u64 = 253_402_300_799_999;
const YEARS: u64 = 10 * 365 * 86_400_000;

/// `clamp(life / 10, 30 s, 300 s)`, half the life at most.
pub fn lead(life: i64) -> i64 {
    (life / 10).clamp(30_000, 300_000).min(life / 2)
}

/// Far enough off that what it is clamped to does not matter.
fn instant(at: u64) -> i64 {
    signed(at.min(YEAR_9999))
}

/// What the answer of a connect or of a push says, and of which token. A resume speaks of another, perhaps.
const fn said_on_a_socket<'a>(command: &Command, answer: &'a Answer) -> Option<(TokenId, &'a Statement)> {
    match (command.action, &answer.result) {
        (Action::Authenticate { token, resume: false, .. }, Ok(Reply::Authenticated { statement, .. }))
        | (Action::Reauthenticate { token, .. }, Ok(Reply::Reauthenticated(statement)))
        | (Action::Inspect { base: token }, Ok(Reply::Inspected(statement))) => Some((token, statement)),
        _ => None,
    }
}

/// A fresh connect was refused for its credential.
pub const fn is_refusal(command: &Command, answer: &Answer) -> bool {
    matches!(
        (&command.action, &answer.result),
        (Action::Authenticate { resume: false, .. }, Err(Failure::Rpc { credential: true, .. }))
    )
}

impl View<'_> {
    /// Every token that came and was taken, oldest first; one that came twice twice.
    pub fn tokens_that_came(&self) -> Vec<Arrived> {
        let mut arrived: Vec<Arrived> = Vec::new();
        for (happened, input) in self.heard() {
            let (step, received) = (happened.step, happened.at);
            let wall = self.steps[step].now.unix.0;
            let token = match input {
                Input::NewBase { ask, token } if !self.is_turned_away(*ask, step) => {
                    let (id, says) = (token.token, token.statement);
                    Arrived {
                        id,
                        of: None,
                        by: None,
                        asked: step,
                        sent: received,
                        step,
                        received,
                        wall,
                        date: None,
                        says,
                    }
                }
                Input::Done(command, _) => {
                    let Some(answer) = self.answer(*command).filter(|answer| answer.step == step) else {
                        continue;
                    };
                    let Ok(Reply::Token(facts)) = &answer.result else { continue };
                    let Some((asked, command)) = self.command(*command) else { continue };
                    let of = match command.action {
                        Action::Activate { base, .. } => Some(base),
                        Action::Renew { bound, .. } => arrived
                            .iter()
                            .rev()
                            .find(|it| it.id == bound)
                            .and_then(|it| it.of)
                            .or(Some(bound)),
                        _ => None,
                    };
                    let (id, says, date) = (facts.token, facts.statement, answer.server_time);
                    let by = endpoint(&command.action);
                    Arrived {
                        id,
                        of,
                        by,
                        asked: asked.step,
                        sent: asked.at,
                        step,
                        received,
                        wall,
                        date,
                        says,
                    }
                }
                _ => continue,
            };
            arrived.push(token);
        }
        arrived
    }

    /// It came, and only once: what is known of it is plain.
    pub fn arrival(&self, id: TokenId) -> Option<&Arrived> {
        let mut all = self.tokens.iter().filter(|it| it.id == id);
        all.next().filter(|_| all.next().is_none())
    }

    pub fn is_held(&self, id: TokenId) -> bool {
        self.last().held.contains(&id)
    }

    fn words(&self, token: &Arrived) -> Vec<Word> {
        let &Arrived { says, sent, received, wall, date, .. } = token;
        let first = Word { says, sent, received, wall, date };
        let others = self.answers.iter().filter_map(|(command, answer)| {
            let (_, says) = said_on_a_socket(command, answer).filter(|(of, _)| *of == token.id)?;
            let sent = self.command(command.id)?.0.at;
            let wall = self.steps[answer.step].now.unix.0;
            Some(Word { says: *says, sent, received: answer.at, wall, date: answer.server_time })
        });
        std::iter::once(first).chain(others).collect()
    }

    /// When the server's clock shows this: by the time in the same answer, else by what else is known of it, else, as a
    /// hint, by the local clock, until a server tells its time.
    fn absolute(&self, word: &Word, at: u64) -> Range {
        let (at, received) = (instant(at), signed(word.received));
        if let Some(date) = word.date {
            let end = received + at - signed(date);
            return (end - 1_000 - (received - signed(word.sent)), end);
        }
        let local = self.local_clock(at);
        let server = self.server_clock().map(|(from, to)| (at - to, at - from));
        server.map_or(local, |server| hull(server, local))
    }

    /// The server had told its time by then.
    fn knew_the_clock(&self, at: u64) -> bool {
        self.observations.first().is_some_and(|it| it.at < at)
    }

    /// When the local clock shows this, by whichever of its readings: it may have been set meanwhile.
    fn local_clock(&self, at: i64) -> Range {
        let reading = |it: &super::Reading| at - signed(it.now.unix.0) + signed(it.at);
        self.steps.iter().map(|it| (reading(it), reading(it))).reduce(hull).unwrap_or((at, at))
    }

    /// The provider's hint, read in both clocks: the earlier end, the later one. What it says once a server has told its
    /// time is open where that was not known when it came.
    fn hinted(&self, word: &Word) -> Option<(Range, Range)> {
        let hint = instant(word.says.expiry_hint?.0);
        let received = signed(word.received);
        let local = hint - signed(word.wall) + received;
        let (from, to) = self.server_clock().map_or((local, local), |(from, to)| (hint - to, hint - from));
        let (early, late) = ((from.min(local), to.min(local)), (from.max(local), to.max(local)));
        let late = if self.knew_the_clock(word.received) { late } else { (local, late.1) };
        // Past in both clocks, or nonsense: as if absent.
        (late.1 > received && early.0 < received + signed(YEARS)).then_some((early, late))
    }

    /// The latest end that the server has named, or else the provider: the one that counts.
    pub fn end(&self, token: &Arrived) -> End {
        let later = |one: Range, two: Range| (one.0.max(two.0), one.1.max(two.1));
        let words = self.words(token);
        let named = words.iter().flat_map(|word| {
            let relative =
                word.says.expires_in.map(|life| signed(word.received.saturating_add(life.min(YEAR_9999))));
            let dated =
                word.says.expires_at.filter(|_| word.date.is_some() || self.knew_the_clock(word.received));
            let absolute = dated.map(|at| self.absolute(word, at.0));
            relative.map(|at| (at, at)).into_iter().chain(absolute)
        });
        let named = named.reduce(later);
        // A time of the server's that is read by the local clock is a hint: it ends nothing that has another end, and past
        // it is as if absent; until the server tells its time.
        let undated = words.iter().filter_map(|word| {
            let at = word
                .says
                .expires_at
                .filter(|_| word.date.is_none() && !self.knew_the_clock(word.received))?;
            let range = self.absolute(word, at.0);
            (range.1 > signed(word.received)).then_some(range)
        });
        let hints = undated.chain(words.iter().filter_map(|word| self.hinted(word).map(|(_, late)| late)));
        let local = words.iter().any(|word| word.says.expires_at.is_some() && word.date.is_none());
        match (named, hints.reduce(hull)) {
            (Some(named), Some(hint)) if local => End::Said(hull(named, (named.0, named.1.max(hint.1)))),
            (Some(named), _) => End::Said(named),
            (None, Some(hint)) => End::Said(hint),
            (None, None) => End::Unsaid,
        }
    }

    /// The earliest end that anybody stated or assumed: renewal is planned by it.
    pub fn renew_by(&self, token: &Arrived) -> Option<Range> {
        let words = self.words(token);
        let said = words.iter().flat_map(|word| {
            let sent = |life: u64| signed(word.sent.saturating_add(life.min(YEAR_9999)));
            let in_ = word
                .says
                .expires_in
                .map(|life| (sent(life), signed(word.received) + signed(life.min(YEAR_9999))));
            // What is assumed puts off nothing that is said.
            let others = word
                .says
                .expires_in
                .or(word.says.expires_at.map(|at| at.0))
                .or(word.says.expiry_hint.map(|at| at.0));
            let others = others.is_some() || words.len() > 1;
            let assumed =
                word.says.assumed_life.map(|life| (sent(life), if others { i64::MAX } else { sent(life) }));
            let absolute = word.says.expires_at.map(|at| self.absolute(word, at.0));
            let hint = self.hinted(word).map(|(early, late)| hull(early, late));
            in_.into_iter().chain(assumed).chain(absolute).chain(hint)
        });
        said.reduce(|one, two| (one.0.min(two.0), one.1.min(two.1)))
    }

    /// Whether it has ended by then.
    pub fn has_ended(&self, token: &Arrived, at: u64) -> Verdict {
        match self.end(token) {
            End::Unsaid => Verdict::No,
            End::Said((from, _)) if from > signed(at) => Verdict::No,
            End::Said((_, to)) if to <= signed(at) => Verdict::Yes,
            End::Said(_) => Verdict::Perhaps,
        }
    }

    /// How often a fresh connect with it was refused, since the server last accepted anything.
    pub fn refusals(&self, token: TokenId) -> usize {
        let last = self.last_acceptance();
        let since = |step: usize| last.is_none_or(|last| step > last);
        self.answers
            .iter()
            .filter(|(command, answer)| {
                let same = matches!(command.action, Action::Authenticate { token: of, .. } if of == token);
                same && is_refusal(command, answer) && since(answer.step)
            })
            .count()
    }

    /// When the server last accepted anything, a state among them: all refusals are forgotten.
    pub fn last_acceptance(&self) -> Option<usize> {
        let all = self.answers.iter().filter(|(_, it)| {
            matches!(it.result, Ok(Reply::Authenticated { .. } | Reply::Reauthenticated(_)))
        });
        all.map(|(_, answer)| answer.step).max()
    }

    /// It has not ended, and nobody has refused it.
    pub fn is_good(&self, token: &Arrived) -> Verdict {
        let foreign = self.words(token).iter().any(|word| word.says.cnf == Confirmation::Others);
        match self.has_ended(token, self.at()) {
            Verdict::Yes => Verdict::No,
            Verdict::No if self.refusals(token.id) == 0 && !foreign => Verdict::Yes,
            _ => Verdict::Perhaps,
        }
    }

    /// What the server accepted, and in which step. A session that was resumed goes on with what it was accepted with.
    pub fn accepted(&self) -> impl Iterator<Item = (TokenId, usize)> {
        self.answers.iter().filter_map(|(command, answer)| match (command.action, &answer.result) {
            (Action::Authenticate { resume: true, .. }, Ok(Reply::Authenticated { resumed: true, .. })) => {
                None
            }
            (Action::Authenticate { token, .. }, Ok(Reply::Authenticated { .. }))
            | (Action::Reauthenticate { token, .. }, Ok(Reply::Reauthenticated(_))) => {
                Some((token, answer.step))
            }
            _ => None,
        })
    }

    /// Something was accepted when it had ended, by its own answer, or had been let go of, since too many had come at once:
    /// what that means is open.
    pub fn is_acceptance_open(&self) -> bool {
        let past = self.answers.iter().any(|(_, answer)| match &answer.result {
            Ok(Reply::Authenticated { statement, .. } | Reply::Reauthenticated(statement)) => {
                let named = statement.expires_at.zip(answer.server_time);
                named.is_some_and(|(ends, now)| ends.0 <= now.saturating_add(1_000))
            }
            _ => false,
        });
        past || self.accepted().any(|(id, step)| {
            let at = self.steps[step].at;
            let ended = self.tokens.iter().any(|it| it.id == id && self.has_ended(it, at) != Verdict::No);
            ended || !self.steps[step.saturating_sub(1)].held.contains(&id)
        })
    }

    /// The token that the server last accepted, and how often it has accepted another one.
    pub fn in_force(&self) -> (Option<TokenId>, u64) {
        self.accepted().fold((None, 0), |(token, generation), (accepted, _)| {
            (Some(accepted), generation + u64::from(token != Some(accepted)))
        })
    }

    /// Whether a base carries `sat:refresh`, as far as anybody said.
    pub fn scope(&self, base: &Arrived) -> Option<bool> {
        self.words(base).iter().find_map(|word| word.says.scope)
    }

    /// There is a proof key, or there is none, or it is on its way.
    pub fn has_key(&self) -> Option<bool> {
        let asked = self.asked().rev().find(|(_, command)| matches!(command.action, Action::MakeKey { .. }));
        let no_key = self.answers.iter().any(|(_, answer)| answer.result == Err(Failure::NoKey));
        match (self.start().key, asked) {
            (KeyFacts::Unavailable, _) => Some(false),
            _ if no_key => None,
            (KeyFacts::Held { .. }, None) => Some(true),
            (_, None) => None,
            (_, Some((_, command))) => self.answer(command.id).map(|answer| answer.result.is_ok()),
        }
    }
}
