//! A client that does at its times what it is told to, and remembers what it heard.

use crate::client::{Ask, AskId, Client, Clocks, Heard, News, Phase, Reply};
use crate::log::{Entry, Log};
use crate::play::{BOOTED, play};
use crate::timeline::Ms;
use crate::world::World;

pub(super) struct Script {
    /// When, by its own clock since that began; requests get their numbers from 1.
    asks: Vec<(Ms, Ask)>,
    done: usize,
    pub(super) counts_sleep: bool,
    /// By the same clock.
    pub(super) heard: Vec<(Ms, News)>,
    pub(super) kept: Vec<AskId>,
    pub(super) phase: Phase,
}

impl Script {
    pub(super) fn new(asks: &[(Ms, Ask)]) -> Self {
        let mut asks = asks.to_vec();
        asks.sort_by_key(|(at, _)| *at);
        Self { asks, done: 0, counts_sleep: true, heard: Vec::new(), kept: Vec::new(), phase: Phase::Away }
    }

    pub(super) fn play(&mut self, world: &World) -> Log {
        play(world, self)
    }

    /// What it heard but for ticks and pings.
    pub(super) fn news(&self) -> Vec<(Ms, News)> {
        let is_news = |news: &News| !matches!(news, News::Tick | News::Ping(_));
        self.heard.iter().filter(|(_, news)| is_news(news)).cloned().collect()
    }

    /// The answer to the request with this number.
    pub(super) fn answer(&self, id: AskId) -> Option<(Ms, Reply)> {
        self.heard.iter().find_map(|(at, news)| match news {
            News::Answer(answered, reply) if *answered == id => Some((*at, *reply)),
            _ => None,
        })
    }
}

impl Client for Script {
    fn hear(&mut self, now: Clocks, news: &News) -> Heard {
        let now = now.tick - BOOTED;
        self.heard.push((now, news.clone()));
        let mut heard = Heard::default();
        while let Some((at, ask)) = self.asks.get(self.done) {
            if *at > now {
                heard.wake_at = Some(BOOTED + *at);
                break;
            }
            self.done += 1;
            heard.asks.push((self.done as AskId, *ask));
        }
        heard
    }

    fn kept(&mut self, write: AskId) {
        self.kept.push(write);
    }

    fn phase(&self) -> Phase {
        self.phase
    }

    fn tick_counts_sleep(&self) -> bool {
        self.counts_sleep
    }

    fn name(&self) -> &'static str {
        "script"
    }
}

/// What the log says, but for what the client did and heard.
pub(super) fn happened(log: &Log) -> Vec<(Ms, Entry)> {
    let is_its_own =
        |entry: &Entry| matches!(entry, Entry::Asks(..) | Entry::Heard(_) | Entry::Says(_) | Entry::Began);
    log.entries.iter().filter(|(_, entry)| !is_its_own(entry)).cloned().collect()
}
