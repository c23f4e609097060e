//! Disruptions: a socket that served was replaced or closed, or a session that could have been resumed was connected
//! afresh.

use super::conditions::Conditions;
use super::served::{Served, Service};
use super::story::Story;
use crate::client::Ask;
use crate::log::{By, Why};
use crate::timeline::Ms;
use crate::world::{Answer, Awake, Instant, World};

pub(super) fn count(
    world: &World,
    story: &Story<'_>,
    conditions: &Conditions,
    served: &Served,
    over: Option<Ms>,
) -> u32 {
    let (mut count, mut last, mut beside) = (0, None::<&Service>, None::<&Service>);
    for service in &served.services {
        count += u32::from(is_given_up(world, conditions, service, over));
        // Of those of other sockets, the one that served longest.
        let before = [last, beside].into_iter().flatten().find(|before| before.socket != service.socket);
        // One that still served is counted where it went.
        let lost = before.filter(|before| before.why != Some(Why::Client) && before.to <= service.from);
        count += u32::from(
            service.by == By::Connect
                && lost.is_some_and(|before| was_resumable(world, story, before, service)),
        );
        if last.is_none_or(|last| last.to <= service.to) {
            beside = last.filter(|last| last.socket != service.socket).or(beside);
            last = Some(service);
        }
    }
    count
}

/// The client closed a socket that served, and its user did not want it to.
fn is_given_up(world: &World, conditions: &Conditions, service: &Service, over: Option<Ms>) -> bool {
    let displaced = service.why == Some(Why::Displaced);
    (service.why == Some(Why::Client) || displaced)
        && conditions.wish.has(service.to)
        && *world.awake.at(service.to) != Awake::Dead
        && over != Some(service.to)
        && conditions.net.has(service.to.saturating_sub(1))
}

/// The server knew the state of before, and nothing stood against resuming.
fn was_resumable(world: &World, story: &Story<'_>, before: &Service, after: &Service) -> bool {
    let (from, to) = (before.to, after.from);
    let forgets = |instant: &Instant| {
        matches!(instant, Instant::Restart { wipe: true } | Instant::ForgetStates | Instant::Revoke)
    };
    let forgotten =
        world.instants.iter().any(|(at, instant)| (before.from..=to).contains(at) && forgets(instant));
    let began = story.began.iter().any(|at| (from..=to).contains(at));
    let another = story.identities.iter().any(|(at, _)| (from..=to).contains(at));
    let tried = story.refused.iter().any(|(at, _, by)| (from..=to).contains(at) && *by == By::Resume);
    let asked =
        |at: Ms| story.asked.iter().rfind(|asked| asked.at <= at && matches!(asked.ask, Ask::Connect { .. }));
    let at = asked(to).map_or(to, |asked| asked.at);
    world.facts.resumes
        && !forgotten
        && !another
        && !tried
        && (!began || world.facts.durable)
        && world.resume.at(at).answer == Answer::Accepts
}
