//! What a fleet does to a server that comes back after an hour: the requests of each second, counted over all
//! sessions on one time line.

use crate::HOUR;
use crate::away::{Away, Outage};
use crate::draws::Draws;
use crate::faults::{Allowed, Mix};
use crate::life::Life;
use crate::report::Report;
use crate::setting::Setting;

/// Sessions begin within this.
const BEGINNINGS: u64 = 600_000;
const FROM: u64 = HOUR / 2;
const UNTIL: u64 = FROM + HOUR;
const END: u64 = UNTIL + HOUR;

/// The worst seconds.
#[derive(Clone, Debug)]
pub struct Rush {
    /// Before the outage, once all sessions have begun: requests in the worst second.
    pub before: u32,
    /// During it.
    pub during: u32,
    /// After it.
    pub after: u32,
    /// How long after the outage's end that was, in seconds.
    pub after_at: usize,
    /// Sessions that were live an hour after it.
    pub survivors: u64,
    /// Everything else.
    pub report: Report,
}

/// Runs this many usual sessions through an outage of an hour.
///
/// # Errors
/// The invariant that does not hold, and in which session.
pub fn rush(seed: u64, sessions: u64) -> Result<Rush, String> {
    let mut report = Report { seconds: Some(vec![0; (END / 1_000) as usize + 1]), ..Report::default() };
    let mut survivors = 0;
    for session in 0..sessions {
        let mut draws = Draws::of(seed, session);
        let mix = Mix::draw(&mut draws, Allowed::NONE);
        let start = draws.below(BEGINNINGS);
        report.lives += 1;
        report.running = crate::digest::Digest::default();
        let mut life = Life::new(start, Setting::usual(), mix, &mut draws, &mut report, None);
        life.outage = Some(Outage { from: FROM, until: UNTIL, away: Away::Refuses });
        let over = life.run(END).map_err(|violation| format!("{} in session {session}", violation.what))?;
        survivors += u64::from(over == END && life.watch.live.is_some());
        report.digest = report.digest.wrapping_add(report.running.share(session));
    }
    let second = |time: u64| (time / 1_000) as usize;
    let seconds = report.seconds.take().unwrap_or_default();
    let worst = |from: usize, to: usize| seconds[from..to].iter().copied().max().unwrap_or(0);
    let after = worst(second(UNTIL), seconds.len());
    let after_at = seconds[second(UNTIL)..].iter().position(|count| *count == after).unwrap_or(0);
    Ok(Rush {
        before: worst(second(BEGINNINGS) + 60, second(FROM)),
        during: worst(second(FROM), second(UNTIL)),
        after,
        after_at,
        survivors,
        report,
    })
}
