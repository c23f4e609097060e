//! The loop. It carries out what sessions ask for and brings them what comes of it; `link` moves the bytes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::time::{Duration, Instant, SystemTime};

use mio::{Events, Poll, Token};
use satkeeper_core::dpop::ProofKey;
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::{KeyAlgorithm, Phase, SocketId};
use satkeeper_core::session::{EventKind, Session, SessionInput, SessionOutput};
use satkeeper_core::{Now, Tick};

use super::link::Link;

/// All that one thread drives.
pub(crate) struct EventLoop {
    seats: Vec<Seat>,
    /// Every deadline, the nearest first.
    due: BTreeSet<(Tick, Due)>,
    /// What sessions are to be told, by their places.
    inbox: VecDeque<(usize, SessionInput)>,
    poll: Poll,
    opened: usize,
    started: Instant,
    told: fn(usize, EventKind),
}

/// One session and what belongs to it.
struct Seat {
    session: Session,
    /// When it wants to be stepped at the latest.
    wake: Option<Tick>,
    /// Its open connections. A number is never used twice, so what comes late finds nothing.
    links: BTreeMap<usize, Link>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Session(usize),
    Link(usize, usize),
}

impl EventLoop {
    /// With these sessions, which have not started. `told` hears what they tell, by their places.
    pub(crate) fn new(sessions: Vec<Session>, told: fn(usize, EventKind)) -> io::Result<Self> {
        let seat = |session| Seat { session, wake: None, links: BTreeMap::new() };
        Ok(Self {
            due: BTreeSet::new(),
            inbox: (0..sessions.len()).map(|place| (place, SessionInput::Start)).collect(),
            seats: sessions.into_iter().map(seat).collect(),
            poll: Poll::new()?,
            opened: 0,
            started: Instant::now(),
            told,
        })
    }

    /// How many sessions are live.
    pub(crate) fn live(&self) -> usize {
        self.seats.iter().filter(|seat| seat.session.status().phase == Phase::Live).count()
    }

    /// How many connections are open.
    pub(crate) fn connections(&self) -> usize {
        self.seats.iter().map(|seat| seat.links.len()).sum()
    }

    /// Tells every session this; it takes effect in [`EventLoop::run`].
    pub(crate) fn tell_all(&mut self, input: impl Fn() -> SessionInput) {
        self.inbox.extend((0..self.seats.len()).map(|place| (place, input())));
    }

    /// The loop itself, for so long.
    pub(crate) fn run(&mut self, span: Duration) -> io::Result<()> {
        let mut events = Events::with_capacity(1_024);
        let end = self.now().tick.after(millis(span));
        loop {
            while let Some((place, input)) = self.inbox.pop_front() {
                self.step(place, input)?;
            }
            let now = self.now().tick;
            match self.due.first().copied() {
                Some((at, due)) if at <= now => self.is_due(at, due),
                _ if now >= end => return Ok(()),
                next => {
                    let wait = now.until(next.map_or(end, |(at, _)| at.min(end)));
                    self.poll.poll(&mut events, Some(Duration::from_millis(wait)))?;
                    for event in &events {
                        let Token(token) = event.token();
                        self.advance(token % self.seats.len(), token / self.seats.len());
                    }
                }
            }
        }
    }

    /// Both clocks.
    fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Now::new(millis(self.started.elapsed()), millis(unix))
    }

    fn step(&mut self, place: usize, input: SessionInput) -> io::Result<()> {
        let now = self.now();
        let step = self.seats[place].session.step(now, input);
        for output in step.outputs {
            self.perform(place, output)?;
        }
        let wake = step.wake_at.map(|(at, _)| at);
        if let Some(before) = std::mem::replace(&mut self.seats[place].wake, wake) {
            self.due.remove(&(before, Due::Session(place)));
        }
        self.due.extend(wake.map(|at| (at, Due::Session(place))));
        Ok(())
    }

    fn is_due(&mut self, at: Tick, due: Due) {
        self.due.remove(&(at, due));
        match due {
            Due::Session(place) => self.inbox.push_back((place, SessionInput::Tick)),
            // Where nothing has come of it, the session has given it up by now.
            Due::Link(place, number) => {
                self.seats[place].links.retain(|it, link| *it != number || !link.is_pending());
            }
        }
    }

    fn perform(&mut self, place: usize, output: SessionOutput) -> io::Result<()> {
        match output {
            SessionOutput::Request { id, request, deadline } => match Link::request(id, &request) {
                Ok(link) => self.add(place, link, deadline)?,
                Err(error) => self.inbox.push_back((place, SessionInput::Http { id, result: Err(error) })),
            },
            SessionOutput::Open { socket, url, deadline } => match Link::open(socket, url) {
                Ok(link) => self.add(place, link, deadline)?,
                Err(error) => {
                    self.inbox.push_back((place, SessionInput::Closed { socket, error: Some(error) }));
                }
            },
            SessionOutput::Send { socket, text } => {
                if let Some((_, link)) = self.socket(place, socket) {
                    link.send(&text);
                }
            }
            SessionOutput::Close { socket } => {
                if let Some((number, link)) = self.socket(place, socket) {
                    link.close();
                    self.seats[place].links.remove(&number);
                }
            }
            SessionOutput::MakeKey { id, algorithm, .. } => {
                self.inbox.push_back((place, SessionInput::Key { id, result: make_key(algorithm) }));
            }
            SessionOutput::Tell(told) => (self.told)(place, told.kind()),
            // Nobody calls, and nobody reads what the server tells.
            SessionOutput::Settled { .. }
            | SessionOutput::Returned { .. }
            // A phone would act on these; this program only keeps the sessions.
            | SessionOutput::Notification(_)
            | SessionOutput::Connection(_)
            | SessionOutput::Subscriber(_) => {}
            // These sessions have no store, no provider and no signer of the application's own; and what this loop
            // does not know yet is not dropped in silence.
            other => {
                eprintln!("session {place}: declined {other:?}");
                self.inbox.extend(other.decline().map(|input| (place, input)));
            }
        }
        Ok(())
    }

    fn add(&mut self, place: usize, mut link: Link, deadline: Tick) -> io::Result<()> {
        self.opened += 1;
        link.register(self.poll.registry(), Token(self.opened * self.seats.len() + place))?;
        self.seats[place].links.insert(self.opened, link);
        self.due.insert((deadline, Due::Link(place, self.opened)));
        Ok(())
    }

    /// The connection of this socket, unless it has gone.
    fn socket(&mut self, place: usize, socket: SocketId) -> Option<(usize, &mut Link)> {
        let mut links = self.seats[place].links.iter_mut();
        links.find(|(_, link)| link.is_socket(socket)).map(|(number, link)| (*number, link))
    }

    /// Something can be read or written.
    fn advance(&mut self, place: usize, number: usize) {
        let (links, inbox) = (&mut self.seats[place].links, &mut self.inbox);
        let Some(link) = links.remove(&number) else { return };
        if let Some(link) = link.advance(|input| inbox.push_back((place, input))) {
            links.insert(number, link);
        }
    }
}

/// P-256 by software; for RSA there are other crates.
fn make_key(algorithm: KeyAlgorithm) -> Result<ProofKey, Error> {
    let mut bytes = [0; 32];
    let made = match algorithm {
        KeyAlgorithm::Es256 if getrandom::fill(&mut bytes).is_ok() => ProofKey::es256_from_bytes(&bytes).ok(),
        _ => None,
    };
    made.ok_or_else(|| Error::DpopInit { message: format!("no {algorithm:?} key could be made") })
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
