//! What a session has suffered, in the judge's own terms: from its world, its server's log and its own words alone.

use satkeeper_judge::verdict::Kind;

use crate::play::Play;
use crate::said::Word;
use crate::server::Story;
use crate::spans::Spans;
use crate::world::{Do, Excuse, Ms, Outcome, World};

const SECOND: Ms = 1_000;
/// A loaded machine may be so late with anything, beside the stalls that were measured.
const LOADED: Ms = 2_000;
/// Each connect takes some of it.
const A_CONNECT: Ms = 300;
/// How long it may go unnoticed that a socket is dead of which nobody tells, where the server pings.
const SILENT_DEATH: Ms = 40 * SECOND;
/// How long a session may be unserved without a word of why.
const SILENCE: Ms = 5 * SECOND;
/// An attempt that was made as announced may take so long.
const ATTEMPT: Ms = 10 * SECOND;
/// "Over 10 requests or 5 opens in a burst".
const BURST: (usize, usize) = (10, 5);

/// Of one session.
pub(crate) struct Verdict {
    /// Milliseconds from the first `Live` to its end, or the end of the world.
    pub(crate) due: Ms,
    pub(crate) served: Ms,
    pub(crate) excused: Ms,
    pub(crate) avoidable: Ms,
    pub(crate) disruptions: usize,
    pub(crate) connects: usize,
    pub(crate) lives: usize,
    /// What must not be; all that is out of bound is in here.
    pub(crate) faults: Vec<(Ms, String)>,
}

/// Judges a session, on a machine that stood still for `stalled` while it was played.
pub(crate) fn judge(world: &World, play: &Play, stalled: Ms) -> Verdict {
    let story = Story::of(world, &play.seen, play.ended);
    let over = play.said.iter().find(|(_, word)| word.is("teardown")).map(|(at, _)| *at);
    let until = over.unwrap_or(play.ended);
    let judge = Judge { world, play, story: &story, until, slack: LOADED + stalled };
    let began = story.connected.first().map_or(play.began, |first| first.at);
    let due = Spans::of(vec![(began, until)]).without(&judge.unwished());
    let missing = due.without(&story.served);
    let avoidable = missing.without(&judge.excused());
    let mut faults = Vec::new();
    faults.extend(play.failed.iter().map(|what| (play.began, format!("{:?}: {what}", Kind::Lost))));
    if play.failed.is_none() {
        judge.end(over, &mut faults);
        judge.live(&mut faults);
        judge.words(&mut faults);
        judge.announced(&mut faults);
        judge.silence(&missing, &mut faults);
        judge.secrets(&mut faults);
        judge.waste(&mut faults);
        judge.identity(&mut faults);
        let connects = A_CONNECT * Ms::try_from(story.connected.len()).unwrap_or(0);
        let most = world.bound + judge.slack + connects;
        if avoidable.total() > most {
            let when: Vec<_> =
                avoidable.iter().map(|(from, to)| (from - play.began, to - play.began)).collect();
            faults.push((
                until,
                format!("out of its bound: {} ms are avoidable of {most}: {when:?}", avoidable.total()),
            ));
        }
    }
    let disruptions = judge.disruptions();
    if let Some(most) = world.disruptions.filter(|most| disruptions > *most) {
        faults.push((until, format!("out of its bound: {disruptions} disruptions, {most} are allowed")));
    }
    faults.sort();
    Verdict {
        due: due.total(),
        served: due.and(&story.served).total(),
        excused: missing.total() - avoidable.total(),
        avoidable: avoidable.total(),
        disruptions,
        connects: story.connected.len(),
        lives: story.tokens.len(),
        faults,
    }
}

struct Judge<'a> {
    world: &'a World,
    play: &'a Play,
    story: &'a Story,
    until: Ms,
    slack: Ms,
}

type Faults = Vec<(Ms, String)>;

impl Judge<'_> {
    /// The user wants it to rest.
    fn suspended(&self) -> Spans {
        let mut spans = Vec::new();
        for (at, what) in &self.play.done {
            match what {
                Do::Suspend => spans.push((*at, self.until)),
                Do::Resume => {
                    if let Some(last) = spans.last_mut() {
                        last.1 = *at;
                    }
                }
                _ => {}
            }
        }
        Spans::of(spans)
    }

    /// Its process is not there; it takes a moment to begin.
    fn dead(&self) -> Spans {
        let says = |from: Ms| {
            let later =
                self.play.said.iter().find(|(at, word)| *at > from && *word != Word::Phase("dead".into()));
            later.map_or(self.until, |(at, _)| *at)
        };
        let kills = self.play.done.iter().filter(|(_, what)| matches!(what, Do::Kill));
        Spans::of(kills.map(|(at, _)| (*at, says(*at))).collect())
    }

    fn unwished(&self) -> Spans {
        self.suspended().or(&self.dead())
    }

    fn excused(&self) -> Spans {
        let began = self.play.began;
        let (mut sockets, mut tokens) = (Vec::new(), Vec::new());
        for excuse in &self.world.excuses {
            match *excuse {
                Excuse::Socket(from, to) => sockets.push((began + from, began + to)),
                Excuse::Token(from, to) => tokens.push((began + from, began + to)),
            }
        }
        // Who takes it up again has to connect first.
        let resumed = self.play.done.iter().filter(|(_, what)| matches!(what, Do::Resume));
        sockets.extend(resumed.map(|(at, _)| (*at, at + SECOND)));
        Spans::of(sockets).or(&Spans::of(tokens).without(&self.story.owed()))
    }

    fn phase(&self, wanted: impl Fn(&str) -> bool) -> Spans {
        let phases = self.play.said.iter().filter_map(|(at, word)| match word {
            Word::Phase(name) => Some((*at, name.as_str())),
            Word::Event { .. } => None,
        });
        let all: Vec<_> = phases.collect();
        let ends = all.iter().skip(1).map(|(at, _)| *at).chain([self.until]);
        Spans::of(
            all.iter()
                .zip(ends)
                .filter(|((_, name), _)| wanted(name))
                .map(|((at, _), end)| (*at, end))
                .collect(),
        )
    }

    fn end(&self, over: Option<Ms>, faults: &mut Faults) {
        let (lost, overstay) = (Kind::Lost, Kind::Overstay);
        let last = self.story.last_end.unwrap_or(self.play.began);
        let (from, to) = match self.world.outcome {
            Outcome::Lives => {
                faults.extend(
                    over.map(|at| (at, format!("{lost:?}: torn down, though it could have gone on"))),
                );
                return;
            }
            // The server tells its ends in whole seconds.
            Outcome::EndsWithToken => (last - 2 * SECOND, last + SECOND),
            Outcome::EndsWithin(from, to) => (self.play.began + from, self.play.began + to),
        };
        match over {
            Some(at) if at < from => faults.push((at, format!("{lost:?}: torn down {} ms early", from - at))),
            Some(at) if at <= to + self.slack => {}
            _ => faults
                .push((self.until, format!("{overstay:?}: went on {} ms after its end", self.until - to))),
        }
    }

    fn live(&self, faults: &mut Faults) {
        let mut lie = |span: (Ms, Ms), what: &str| {
            faults.push((span.0, format!("{:?}: {what} for {} ms", Kind::Lie, span.1 - span.0)));
        };
        let live = self.phase(|name| name == "live");
        for span in
            live.without(&self.story.served).iter().filter(|(from, to)| to - from > SILENT_DEATH + self.slack)
        {
            lie(span, "said to be live and not served");
        }
        for span in
            live.without(&self.story.accepted).iter().filter(|(from, to)| to - from > SECOND + self.slack)
        {
            lie(span, "said to be live without any socket that was accepted");
        }
        let away = self.phase(|name| name != "live" && name != "dead").without(&self.unwished());
        for span in away.and(&self.story.served).iter().filter(|(from, to)| to - from > SECOND + self.slack) {
            lie(span, "not said to be live while served");
        }
    }

    /// `Live`, `Renewed` and `Expired` are borne out by what the server did.
    fn words(&self, faults: &mut Faults) {
        let by = |all: &[Ms], at: Ms| all.iter().filter(|done| **done <= at).count();
        let connected: Vec<Ms> = self.story.connected.iter().map(|connected| connected.at).collect();
        let (mut live, mut renewed) = (0, 0);
        for (at, word) in &self.play.said {
            let lie = |what: &str| (*at, format!("{:?}: {what}", Kind::Lie));
            if word.is("live") {
                live += 1;
                faults.extend(
                    (live > by(&connected, *at)).then(|| lie("live, and the server has not connected it")),
                );
            }
            if word.is("renewed") {
                renewed += 1;
                let taken = by(&self.story.authenticated, *at);
                faults.extend((renewed > taken).then(|| lie("renewed, and the server has taken no token")));
            }
            // Whose token was refused may believe the server.
            let refused = self.story.refused.iter().any(|refused| *refused <= *at);
            if word.is("expired") && !refused && self.story.holds_past(*at - SECOND, at + SECOND + self.slack)
            {
                faults.push(lie("expired with a token that is owed"));
            }
        }
    }

    /// An attempt that is announced is made, unless something comes between.
    fn announced(&self, faults: &mut Faults) {
        for (index, (at, word)) in self.play.said.iter().enumerate() {
            let Word::Event { next: Some(next), code, .. } = word else { continue };
            let (from, to) = (next - SECOND - self.slack, next + SECOND + self.slack);
            let between = self.play.said[index + 1..].iter().any(|(later, _)| *later <= *next);
            let done = self.play.done.iter().any(|(done, _)| *at <= *done && *done <= *next);
            let heard = self.story.authenticated.iter().any(|heard| *at <= *heard && *heard <= *next);
            if between || done || heard || to > self.until {
                continue;
            }
            if !self.story.attempts.iter().any(|attempt| from <= *attempt && *attempt <= to) {
                let what = format!(
                    "{:?}: {code} announced an attempt in {} ms, and none was made",
                    Kind::Lie,
                    next - at
                );
                faults.push((*at, what));
            }
        }
    }

    /// From when it knows that it is not served, there is an event that says why and when the next attempt is made.
    fn silence(&self, missing: &Spans, faults: &mut Faults) {
        // What it does not know yet it cannot say: that is what `live` is about.
        let known = missing.without(&self.phase(|name| name == "live")).without(&self.unwished());
        for (from, to) in known.iter() {
            let mut told_until = from + SILENCE + self.slack;
            for (at, word) in self.play.said.iter().filter(|(at, _)| *at < to) {
                let Word::Event { code, caused, next } = word else { continue };
                if *at > told_until {
                    break;
                }
                if code == "suspended" || code == "teardown" {
                    told_until = to;
                } else if *caused {
                    let ahead = next.unwrap_or(*at).max(*at) + ATTEMPT + SILENCE + self.slack;
                    told_until = told_until.max(ahead);
                }
            }
            if told_until < to {
                let what = format!(
                    "{:?}: nothing said for {} ms of why it is not served",
                    Kind::Silence,
                    to - told_until
                );
                faults.push((told_until, what));
            }
        }
    }

    fn secrets(&self, faults: &mut Faults) {
        for (index, second) in self.story.presented.iter().enumerate() {
            for first in self.story.presented[..index].iter().filter(|first| first.tag == second.tag) {
                let what = match first.answered {
                    None => continue,
                    Some((answered, _)) if answered > second.at => "presented a secret twice at once",
                    Some((_, true)) => "presented a secret whose successor was issued",
                    Some(_) => continue,
                };
                faults.push((second.at, format!("{:?}: {what}", Kind::SpentTwice)));
            }
        }
    }

    fn waste(&self, faults: &mut Faults) {
        for (all, most, what) in
            [(&self.story.requests, BURST.0, "requests"), (&self.story.opens, BURST.1, "opens")]
        {
            let burst = all.windows(most + 1).find(|burst| burst[most] - burst[0] < SECOND);
            faults.extend(
                burst.map(|burst| {
                    (burst[0], format!("{:?}: over {most} {what} within a second", Kind::Waste))
                }),
            );
        }
        let seconds = (self.until - self.play.began) / SECOND;
        let allowed = BURST.0 + usize::try_from(seconds).unwrap_or(0);
        if self.story.requests.len() > allowed {
            let what = format!("{:?}: {} requests in {seconds} s", Kind::Waste, self.story.requests.len());
            faults.push((self.until, what));
        }
    }

    /// A token that was asked for before the application brought another, and came after that, is never shown.
    fn identity(&self, faults: &mut Faults) {
        for (updated, _) in self.play.done.iter().filter(|(_, what)| matches!(what, Do::Update)) {
            let late = |tag: &str| {
                self.story
                    .tokens
                    .iter()
                    .any(|token| token.tag == tag && token.asked < *updated && *updated < token.given)
            };
            let shown = self.story.shown.iter().filter(|(_, tag)| late(tag));
            faults.extend(shown.map(|(at, _)| {
                (*at, format!("{:?}: an old token that came late was shown", Kind::Identity))
            }));
        }
    }

    /// A served session's socket replaced, or one that was lost reconnected fresh.
    fn disruptions(&self) -> usize {
        self.story.connected.iter().skip(1).filter(|connected| connected.beside || !connected.resumed).count()
    }
}
