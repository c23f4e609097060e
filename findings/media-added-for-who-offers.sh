#!/usr/bin/env bash
# str0m 0.25.0, `SdpApi::add_media`: "The mid is not valid to use until the SDP offer-answer dance is complete and the mid been
# advertised via Event::MediaAdded." Tried on 2026-11-30 with an offer of one audio stream and its answer:
#   who answers   is told MediaAdded
#   who offers    is never told so, though the dance is complete and its stream can be used
# `Event::MediaAdded` itself says that it "never fires" for media that were added locally. Who waits for it, as the method wants,
# sends nothing: the other side connects and hears silence.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
cargo init -q --name probe && cargo add -q str0m@=0.25.0 --no-default-features --features aws-lc-rs
cat > src/main.rs <<'RS'
use std::time::Instant;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::{Event, Output, Rtc};
/// Polls until there is nothing more to do; whether the stream was told.
fn told(rtc: &mut Rtc, wanted: Mid) -> bool {
    let mut told = false;
    loop {
        match rtc.poll_output().expect("no error") {
            Output::Timeout(_) => return told,
            Output::Event(Event::MediaAdded(media)) => told |= media.mid == wanted,
            _ => {}
        }
    }
}
fn main() {
    let mut offers = Rtc::new(Instant::now());
    let mut answers = Rtc::new(Instant::now());
    let mut change = offers.sdp_api();
    let mid = change.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
    let (offer, pending) = change.apply().expect("a change");
    let early = told(&mut offers, mid);
    let answer = answers.sdp_api().accept_offer(offer).expect("an offer");
    let answering = told(&mut answers, mid);
    offers.sdp_api().accept_answer(pending, answer).expect("an answer");
    let offering = early || told(&mut offers, mid);
    println!("MediaAdded: who answers {answering}, who offers {offering}; its stream: {}", offers.media(mid).is_some());
}
RS
saw=$(cargo run -q)
echo "str0m 0.25.0: $saw"
[ "$saw" = "MediaAdded: who answers true, who offers false; its stream: true" ] || { echo CHANGED; exit 1; }
