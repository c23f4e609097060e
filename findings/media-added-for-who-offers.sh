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
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use str0m::change::SdpOffer;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};
/// One side, and what it was told.
struct Side { rtc: Rtc, is_connected: bool, is_told: bool }
impl Side {
    fn new(at: &str, now: Instant) -> Self {
        let (mut rtc, at): (_, SocketAddr) = (Rtc::new(now), at.parse().expect("an address"));
        rtc.add_local_candidate(Candidate::host(at, "udp").expect("a candidate"));
        Self { rtc, is_connected: false, is_told: false }
    }
    /// Polls until there is nothing more to do; the packets for the other side.
    fn poll(&mut self, mid: Mid) -> Vec<(SocketAddr, SocketAddr, Vec<u8>)> {
        let mut packets = Vec::new();
        loop {
            match self.rtc.poll_output().expect("no error") {
                Output::Timeout(_) => return packets,
                Output::Transmit(it) => packets.push((it.source, it.destination, it.contents.to_vec())),
                Output::Event(Event::Connected) => self.is_connected = true,
                Output::Event(Event::MediaAdded(media)) => self.is_told |= media.mid == mid,
                Output::Event(_) => {}
            }
        }
    }
}
fn main() {
    let mut now = Instant::now();
    let [mut offers, mut answers] = ["127.0.0.1:1000", "127.0.0.1:2000"].map(|at| Side::new(at, now));
    let mut change = offers.rtc.sdp_api();
    let mid = change.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
    let (offer, pending) = change.apply().expect("a change");
    let offer = SdpOffer::from_sdp_string(&offer.to_sdp_string()).expect("a description");
    let answer = answers.rtc.sdp_api().accept_offer(offer).expect("an offer");
    offers.rtc.sdp_api().accept_answer(pending, answer).expect("an answer");
    // Ten seconds without a network: what one sends is what the other receives.
    for _ in 0..1_000 {
        for turn in 0..2 {
            let (from, to) = if turn == 0 { (&mut offers, &mut answers) } else { (&mut answers, &mut offers) };
            from.rtc.handle_input(Input::Timeout(now)).expect("no error");
            for (source, destination, packet) in from.poll(mid) {
                let packet = Receive::new(Protocol::Udp, source, destination, &packet).expect("a packet");
                to.poll(mid);
                to.rtc.handle_input(Input::Receive(now, packet)).expect("no error");
            }
        }
        now += Duration::from_millis(10);
    }
    assert!(offers.is_connected && answers.is_connected, "both sides are connected");
    let is_there = offers.rtc.media(mid).is_some() && offers.rtc.writer(mid).is_some();
    println!("MediaAdded: who answers {}, who offers {}; its stream: {is_there}", answers.is_told, offers.is_told);
}
RS
saw=$(cargo run -q)
echo "str0m 0.25.0: $saw"
[ "$saw" = "MediaAdded: who answers true, who offers false; its stream: true" ] || { echo CHANGED; exit 1; }
