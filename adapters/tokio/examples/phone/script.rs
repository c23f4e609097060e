//! What happens to the two, step by step.

use std::error::Error;

use satkeeper::Survival;
use satkeeper_fixtures::Config;

use crate::media::Media;
use crate::phone::{News, Order};
use crate::place::Place;
use crate::silence::Silence;
use crate::timeline::{Printer, Timeline, User};

/// Two phones, from their registration to their end. An error names the step that did not happen.
/// `own` is for the server that it brings where no other is named.
pub(crate) async fn run(args: impl Iterator<Item = String>, own: Config) -> Result<(), Box<dyn Error>> {
    let mut place = Place::from_args(args, own).await?;
    let mut timeline = Timeline::new(Printer::new());
    timeline.note(&place.description());
    let silent = || Box::new(Silence::default()) as Box<dyn Media>;
    let bob = timeline.add("bob", place.builder("bob").connect().await?, silent);
    place.spare_sockets();
    let alice = timeline.add("alice", place.builder("alice").connect().await?, silent);

    let outcome = play(&place, &mut timeline, alice, bob).await;
    for user in [alice, bob] {
        timeline.leave(user).await;
    }
    timeline.note(match &outcome {
        Ok(()) => "every step has happened",
        Err(_) => "a step did not happen",
    });
    outcome
}

async fn play(place: &Place, timeline: &mut Timeline, alice: User, bob: User) -> Result<(), Box<dyn Error>> {
    for user in [alice, bob] {
        timeline.until(user, "can be called", |news| matches!(news, News::Registered)).await?;
    }

    timeline.order(alice, Order::Dial("/private/bob"));
    timeline.until(bob, "rings", |news| matches!(news, News::Ringing(_))).await?;
    timeline.order(bob, Order::Answer);
    for user in [bob, alice] {
        timeline.until(user, "talks", |news| matches!(news, News::Talking)).await?;
    }

    for held in [true, false] {
        timeline.order(alice, Order::Hold(held));
        timeline.until(alice, "hold or unhold", |news| matches!(news, News::Held(_))).await?;
    }
    timeline.digits(alice, "12", bob).await?;
    timeline.digits(bob, "34", alice).await?;

    if place.has_levers() {
        for user in [alice, bob] {
            // The first renewal, which binds the session to its key, is not the one that is waited for.
            timeline.client(user).status().wait_for(|status| status.bound).await?;
        }
        timeline.note("both wait for a renewal in the middle of the call");
        for user in [alice, bob] {
            timeline.until(user, "a newer token", |news| matches!(news, News::Renewed)).await?;
        }
    } else {
        timeline.note("tokens of that server may be long: renewed by hand");
        for user in [alice, bob] {
            timeline.client(user).refresh_now().await?;
        }
    }
    timeline.digits(alice, "5", bob).await?;

    timeline.note("alice's socket is cut: the session is resumed, the call is kept");
    place.cut(timeline.client(alice)).await?;
    timeline
        .until(alice, "a resume", |news| matches!(news, News::Back { resumed: true, calls: Survival::Kept }))
        .await?;
    timeline.until(alice, "the call kept", |news| matches!(news, News::StillThere)).await?;
    timeline.digits(bob, "6", alice).await?;

    if place.has_levers() {
        timeline.note("cut, and not to be resumed: a new session attaches to the call");
        place.forget_sessions();
        place.cut(timeline.client(alice)).await?;
        timeline
            .until(alice, "a new session", |news| matches!(news, News::Back { resumed: false, .. }))
            .await?;
        timeline.until(alice, "the call attached", |news| matches!(news, News::Attached)).await?;
        timeline.digits(alice, "7", bob).await?;

        timeline.note("the tokens end: what is refused is repeated with newer ones");
        place.end_tokens();
        timeline.order(alice, Order::Digits("8"));
        timeline.until(alice, "a newer token", |news| matches!(news, News::Recovered)).await?;
        timeline.until(bob, "the digit", |news| matches!(news, News::Digits(heard) if heard == "8")).await?;
        timeline.digits(bob, "9", alice).await?;
    } else {
        timeline.note("skipped, since they need the levers of a server in this process:");
        timeline.note("  a resume that is refused, tokens that are refused");
    }

    timeline.order(alice, Order::HangUp);
    for user in [alice, bob] {
        timeline.until(user, "the end of the call", |news| matches!(news, News::Over(_))).await?;
    }
    Ok(())
}
