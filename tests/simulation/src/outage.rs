//! What a fleet does to a server that comes back after an hour, and to one that restarts: the requests of each second,
//! counted over all sessions on one time line.

use std::collections::VecDeque;

use crate::HOUR;
use crate::away::{Away, Outage};
use crate::draws::Draws;
use crate::faults::{Allowed, Mix};
use crate::life::Life;
use crate::report::{Report, Second};
use crate::setting::Setting;

/// Sessions begin within this.
const BEGINNINGS: u64 = 600_000;
const FROM: u64 = HOUR / 2;
const UNTIL: u64 = FROM + HOUR;
/// The server restarts, first with what can be resumed, then without.
const RESTART: u64 = UNTIL + HOUR / 2;
const WIPE: u64 = RESTART + HOUR / 4;
const END: u64 = UNTIL + HOUR;

/// The worst seconds.
#[derive(Clone, Debug)]
pub struct Rush {
    /// Before the outage, once all sessions have begun: requests in the worst second.
    pub before: u32,
    /// During it.
    pub during: u32,
    /// After it, until the server restarts.
    pub after: u32,
    /// How long after the outage's end that was, in seconds.
    pub after_at: usize,
    /// Sockets opened in the worst second of the first minute after the outage.
    pub opens: u32,
    /// After a restart with states to resume.
    pub restarted: u32,
    /// After one without.
    pub wiped: u32,
    /// Sessions that were live at the end.
    pub survivors: u64,
    /// Everything else.
    pub report: Report,
}

/// Runs this many usual sessions through an outage of an hour and two restarts.
///
/// # Errors
/// The invariant that does not hold, and in which session.
pub fn rush(seed: u64, sessions: u64) -> Result<Rush, String> {
    let seconds = vec![Second::default(); (END / 1_000) as usize + 1];
    let mut report = Report { seconds: Some(seconds), ..Report::default() };
    let mut survivors = 0;
    for session in 0..sessions {
        let mut draws = Draws::of(seed, session);
        let mix = Mix::draw(&mut draws, Allowed::NONE);
        let start = draws.below(BEGINNINGS);
        report.lives += 1;
        report.running = crate::digest::Digest::default();
        let mut life = Life::new(start, Setting::usual(), mix, &mut draws, &mut report, None);
        life.outage = Some(Outage { from: FROM, until: UNTIL, away: Away::Refuses });
        life.restarts = VecDeque::from([(RESTART, false), (WIPE, true)]);
        let over = life.run(END).map_err(|violation| format!("{} in session {session}", violation.what))?;
        survivors += u64::from(over == END && life.watch.live.is_some());
        report.digest = report.digest.wrapping_add(report.running.share(session));
    }
    let seconds = report.seconds.take().unwrap_or_default();
    let second = |time: u64| (time / 1_000) as usize;
    let worst = |from: u64, to: u64, count: fn(&Second) -> u32| {
        let span = seconds.get(second(from)..second(to)).unwrap_or_default();
        span.iter().map(count).max().unwrap_or(0)
    };
    let minute = |from: u64| worst(from, from + 60_000, |second| second.opens);
    let requests = |from, to| worst(from, to, |second| second.requests);
    let after = requests(UNTIL, RESTART);
    let mut since = seconds.iter().skip(second(UNTIL));
    Ok(Rush {
        before: requests(BEGINNINGS + 60_000, FROM),
        during: requests(FROM, UNTIL),
        after,
        after_at: since.position(|second| second.requests == after).unwrap_or(0),
        opens: minute(UNTIL),
        restarted: minute(RESTART),
        wiped: minute(WIPE),
        survivors,
        report,
    })
}
