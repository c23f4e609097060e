//! When the session was served: the server held a socket of it that was authenticated by a token still honoured, and
//! frames passed both ways.

use super::conditions::Conditions;
use super::spans::Spans;
use super::story::{Sock, Story};
use crate::client::Socket;
use crate::log::{By, Why};
use crate::timeline::Ms;
use crate::world::{Instant, World};

/// A stretch in which one socket served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) from: Ms,
    pub(super) to: Ms,
    pub(super) socket: Socket,
    /// By what it began.
    pub(super) by: By,
    /// What ended it, if the socket went.
    pub(super) why: Option<Why>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Served {
    /// Each socket's, sorted; what the network did meanwhile is not in here.
    pub(super) services: Vec<Service>,
    /// When any did, and frames passed.
    pub(super) served: Spans,
}

impl Served {
    pub(super) fn of(world: &World, story: &Story<'_>, conditions: &Conditions) -> Self {
        let mut services = Vec::new();
        for (socket, sock) in &story.sockets {
            services_of(world, story, *socket, sock, &mut services);
        }
        services.sort_unstable_by_key(|service| service.from);
        let any = Spans::of(services.iter().map(|service| (service.from, service.to)).collect());
        let served = any.and(&conditions.net).and(&conditions.runs);
        Self { services, served }
    }
}

fn services_of(world: &World, story: &Story<'_>, socket: Socket, sock: &Sock, services: &mut Vec<Service>) {
    let dead = half_open(world, sock);
    let end = sock.gone.map_or(world.length, |(at, _)| at).min(dead);
    let mut at = sock.authenticated.iter().peekable();
    while let Some((from, what)) = at.next() {
        let Some((token, by)) = what else { continue };
        let next = at.peek().map_or(Ms::MAX, |(next, _)| *next);
        let honoured = story.token(*token).map_or(*from, |token| token.honoured_until());
        let to = end.min(next).min(honoured);
        if *from < to {
            let why = sock.gone.filter(|(at, _)| *at == to).map(|(_, why)| why);
            match services.last_mut() {
                // An accepted push: it goes on serving.
                Some(last) if last.socket == socket && last.to == *from => (last.to, last.why) = (to, why),
                _ => services.push(Service { from: *from, to, socket, by: *by, why }),
            }
        }
    }
}

/// When a box on the way forgot it.
fn half_open(world: &World, sock: &Sock) -> Ms {
    let forgets = |instant: &Instant| matches!(instant, Instant::HalfOpen { out, back } if !(*out && *back));
    let later = world.instants.iter().filter(|(at, instant)| *at > sock.opened && forgets(instant));
    later.map(|(at, _)| *at).next().unwrap_or(Ms::MAX)
}
