//! What happens to the two, and what is heard of it.

use std::error::Error;
use std::time::Duration;

use satkeeper::Survival;
use satkeeper_fixtures::Config;
use tokio::time::{Instant, sleep_until};

use crate::coturn::{Coturn, INSTALL};
use crate::ear::Ear;
use crate::media::Media;
use crate::phone::{News, Order};
use crate::place::{self, Place};
use crate::sound::Sound;
use crate::timeline::{Printer, Timeline, User};

/// So short that those of the beginning are over in the middle of the call.
const ICE_LIFE: Duration = Duration::from_secs(12);

/// One of the two.
struct Party {
    name: &'static str,
    user: User,
    ear: Ear,
    /// The tone of the other one.
    hears: u32,
}

/// Two phones, from their registration to their end. An error names the step that did not happen.
pub(crate) async fn run(args: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let printer = Printer::new();
    let mut args = args.peekable();
    let coturn = match args.peek() {
        // A server that runs already has TURN servers of its own.
        Some(_) => None,
        None => match Coturn::start().await? {
            None => {
                println!("SKIP: coturn is not installed on this machine, so there is no sound; {INSTALL}");
                return Ok(());
            }
            coturn => coturn,
        },
    };
    let config = Config {
        turn: coturn.as_ref().map(Coturn::turn),
        ice_life: ICE_LIFE,
        reauthenticate_ice: true,
        // Their media go from one to the other.
        attach_offers_peer: true,
        ..place::config()
    };
    let mut place = Place::from_args(args, config).await?;
    let mut timeline = Timeline::new(printer);
    timeline.note(&place.description());
    let bob = join(&place, &mut timeline, printer, "bob", 660, 440).await?;
    place.spare_sockets();
    let alice = join(&place, &mut timeline, printer, "alice", 440, 660).await?;

    let outcome = play(&place, &mut timeline, printer, &alice, &bob).await;
    for party in [&alice, &bob] {
        timeline.leave(party.user).await;
    }
    timeline.note(match &outcome {
        Ok(()) => "every step has happened",
        Err(_) => "a step did not happen",
    });
    outcome
}

/// Another phone, which says one tone and is to hear another.
async fn join(
    place: &Place,
    timeline: &mut Timeline,
    printer: Printer,
    name: &'static str,
    says: u32,
    hears: u32,
) -> Result<Party, Box<dyn Error>> {
    let client = place.builder(name).connect().await?;
    let ear = Ear::new();
    let heard = ear.clone();
    let sound = move || {
        let report = Box::new(move |what: &str| printer.line(name, what));
        Box::new(Sound::new(says, heard.clone(), report)) as Box<dyn Media>
    };
    Ok(Party { name, user: timeline.add(name, client, sound), ear, hears })
}

async fn play(
    place: &Place,
    timeline: &mut Timeline,
    printer: Printer,
    alice: &Party,
    bob: &Party,
) -> Result<(), Box<dyn Error>> {
    let both = [alice, bob];
    for party in both {
        timeline.until(party.user, "can be called", |news| matches!(news, News::Registered)).await?;
    }
    timeline.order(alice.user, Order::Dial("/private/bob"));
    let over_at = Instant::now() + ICE_LIFE;
    timeline.until(bob.user, "rings", |news| matches!(news, News::Ringing(_))).await?;
    timeline.order(bob.user, Order::Answer);
    for party in [bob, alice] {
        timeline.until(party.user, "talks", |news| matches!(news, News::Talking)).await?;
    }
    listen(printer, both).await?;

    timeline.order(alice.user, Order::Hold(true));
    timeline.until(alice.user, "hold", |news| matches!(news, News::Held(true))).await?;
    for party in both {
        if !party.ear.hears_nothing().await {
            return Err(format!("{}: still hears something", party.name).into());
        }
        printer.line(party.name, "hears nothing");
    }
    timeline.order(alice.user, Order::Hold(false));
    timeline.until(alice.user, "unhold", |news| matches!(news, News::Held(false))).await?;
    listen(printer, both).await?;
    timeline.digits(alice.user, "12", bob.user).await?;

    if !place.has_levers() {
        timeline.note("skipped, since they need the levers of a server in this process:");
        timeline.note("  a renewal, a lost socket, a lost session, tokens that are refused");
    } else {
        timeline.note("both wait for a renewal in the middle of the call");
        for party in both {
            timeline.client(party.user).status().wait_for(|status| status.bound).await?;
        }
        for party in both {
            timeline.until(party.user, "a newer token", |news| matches!(news, News::Renewed)).await?;
        }
        listen(printer, both).await?;

        timeline.note("alice's socket is cut: the sound does not notice");
        place.cut(timeline.client(alice.user)).await?;
        still_there(timeline, alice).await?;
        listen(printer, both).await?;

        timeline.note("alice's session rests, without a socket: the sound goes on");
        timeline.client(alice.user).suspend().await?;
        listen(printer, both).await?;
        timeline.client(alice.user).resume().await?;
        still_there(timeline, alice).await?;

        timeline.note("the credentials of both relays end: the relays live on");
        sleep_until(over_at).await;
        listen(printer, both).await?;

        timeline.note("a session that is lost: a new one, a new relay, an ICE restart");
        place.forget_sessions();
        place.cut(timeline.client(alice.user)).await?;
        let is_new = |news: &News| matches!(news, News::Back { resumed: false, .. });
        timeline.until(alice.user, "a new session", is_new).await?;
        timeline.until(alice.user, "the call attached", |news| matches!(news, News::Attached)).await?;
        listen(printer, both).await?;

        timeline.note("the tokens end: what is refused is repeated with newer ones");
        place.end_tokens();
        timeline.order(alice.user, Order::Digits("3"));
        timeline.until(alice.user, "a newer token", |news| matches!(news, News::Recovered)).await?;
        listen(printer, both).await?;
    }

    timeline.order(alice.user, Order::HangUp);
    for party in both {
        timeline.until(party.user, "the end of the call", |news| matches!(news, News::Over(_))).await?;
    }
    Ok(())
}

/// The session is resumed, and the call with it.
async fn still_there(timeline: &mut Timeline, party: &Party) -> Result<(), Box<dyn Error>> {
    let is_kept = |news: &News| matches!(news, News::Back { resumed: true, calls: Survival::Kept });
    timeline.until(party.user, "a resume", is_kept).await?;
    timeline.until(party.user, "the call kept", |news| matches!(news, News::StillThere)).await?;
    Ok(())
}

/// Each hears the other's tone, from now on; and how long there was none since it was asked before.
async fn listen(printer: Printer, both: [&Party; 2]) -> Result<(), Box<dyn Error>> {
    for party in both {
        let Some(hz) = party.ear.hears(party.hears).await else {
            return Err(format!("{}: {} Hz are not heard", party.name, party.hears).into());
        };
        let pause = party.ear.longest_pause().as_millis();
        printer.line(party.name, &format!("hears {hz:.1} Hz; longest pause until now: {pause} ms"));
    }
    Ok(())
}
