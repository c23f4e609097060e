//! WebRTC for one call: `str0m` does the thinking, and this its I/O, all of it through a relay.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use satkeeper::IceServer;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::{Direction, Frequency, MediaKind, MediaTime, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, sleep_until};

use crate::ear::Ear;
use crate::relay::Relay;
use crate::tone::{FRAME, Sine};

type Failure = Box<dyn Error + Send + Sync>;

/// Sound of one packet.
const PERIOD: Duration = Duration::from_millis(20);

/// Between attempts to get a relay in place of another.
const PAUSE: Duration = Duration::from_millis(250);

/// What is wanted of it.
pub(crate) enum Order {
    Offer(Vec<IceServer>, oneshot::Sender<io::Result<String>>),
    Answer(Vec<IceServer>, String, oneshot::Sender<io::Result<String>>),
    Accept(String),
    Hold(bool),
}

/// Tells whoever watches what it does.
pub(crate) type Report = Box<dyn Fn(&str) + Send>;

pub(crate) struct Engine {
    rtc: Rtc,
    relay: Option<Relay>,
    /// The stream, which one side offers.
    mid: Option<Mid>,
    /// An offer that is not answered yet.
    pending: Option<SdpPendingOffer>,
    held: bool,
    voice: Sine,
    /// Samples until now.
    spoken: u64,
    ear: Ear,
    report: Report,
}

impl Engine {
    pub(crate) fn new(voice: Sine, ear: Ear, report: Report) -> Self {
        let rtc = Rtc::builder().clear_codecs().enable_pcmu(true, false).build(Instant::now());
        let (relay, mid, pending) = (None, None, None);
        Self { rtc, relay, mid, pending, held: false, voice, spoken: 0, ear, report }
    }

    /// Until nobody can give orders any more.
    pub(crate) async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let ended = self.go_on(&mut orders).await;
        if let Err(error) = ended {
            (self.report)(&format!("media failed: {error}"));
        }
        if let Some(relay) = self.relay {
            // Else the server does, when its time is over.
            let _ = relay.release().await;
        }
    }

    /// One input, then all outputs that it leads to: the rule of `str0m`.
    async fn go_on(&mut self, orders: &mut mpsc::UnboundedReceiver<Order>) -> Result<(), Failure> {
        let mut speak_at = Instant::now();
        loop {
            let wake = self.drain().await?.min(speak_at);
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.obey(order).await?,
                    None => return Ok(()),
                },
                packet = receive(&mut self.relay) => {
                    let (peer, data, address) = packet?;
                    // What is no packet of WebRTC's is none of ours.
                    if let Ok(packet) = Receive::new(Protocol::Udp, peer, address, &data) {
                        self.rtc.handle_input(Input::Receive(Instant::now(), packet))?;
                    }
                }
                () = sleep_until(wake.into()) => {
                    let now = Instant::now();
                    self.rtc.handle_input(Input::Timeout(now))?;
                    if now >= speak_at {
                        speak_at += PERIOD;
                        self.drain().await?;
                        self.speak(now)?;
                    }
                }
            }
        }
    }

    async fn drain(&mut self) -> Result<Instant, Failure> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => return Ok(at),
                Output::Transmit(packet) => match &mut self.relay {
                    Some(relay) if relay.address == packet.source => {
                        relay.send(packet.destination, &packet.contents).await?;
                    }
                    // From a relay that was let go of.
                    _ => {}
                },
                Output::Event(event) => match event {
                    // By the other side: whoever offers is not told so.
                    Event::MediaAdded(media) => self.mid = Some(media.mid),
                    Event::MediaData(media) if !self.held => self.ear.hear(Instant::now(), &media.data),
                    Event::IceConnectionStateChange(IceConnectionState::Connected) => {
                        (self.report)("has a way to the other side");
                    }
                    _ => {}
                },
            }
        }
    }

    /// The next packet of sound.
    fn speak(&mut self, now: Instant) -> Result<(), Failure> {
        let frame = self.voice.frame();
        let time = MediaTime::new(self.spoken, Frequency::EIGHT_KHZ);
        self.spoken += FRAME as u64;
        if self.held || !self.rtc.is_connected() {
            return Ok(());
        }
        let Some(writer) = self.mid.and_then(|mid| self.rtc.writer(mid)) else { return Ok(()) };
        let Some(pt) = writer.payload_params().next().map(|params| params.pt()) else { return Ok(()) };
        Ok(writer.write(pt, now, time, frame)?)
    }

    async fn obey(&mut self, order: Order) -> Result<(), Failure> {
        match order {
            // Who has asked may have gone.
            Order::Offer(servers, done) => {
                drop(done.send(self.offer(&servers).await.map_err(io::Error::other)))
            }
            Order::Answer(servers, offer, done) => {
                drop(done.send(self.answer(&servers, &offer).await.map_err(io::Error::other)));
            }
            Order::Accept(answer) => {
                if let Some(pending) = self.pending.take() {
                    self.rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(&answer)?)?;
                }
            }
            Order::Hold(held) => self.held = held,
        }
        Ok(())
    }

    async fn offer(&mut self, servers: &[IceServer]) -> Result<String, Failure> {
        self.allocate(servers).await?;
        let is_agreed = self.mid.is_some_and(|mid| self.rtc.media(mid).is_some());
        let mut change = self.rtc.sdp_api();
        if is_agreed {
            // What is there is kept (keys, streams), and the way to the other side sought anew.
            change.ice_restart(true);
        } else {
            self.mid = Some(change.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None));
        }
        let (offer, pending) = change.apply().ok_or("nothing to offer")?;
        self.pending = Some(pending);
        Ok(offer.to_sdp_string())
    }

    async fn answer(&mut self, servers: &[IceServer], offer: &str) -> Result<String, Failure> {
        // In the middle of a call the relay that there is goes on, with the credentials that it was made with.
        if self.relay.is_none() {
            self.allocate(servers).await?;
        }
        Ok(self.rtc.sdp_api().accept_offer(SdpOffer::from_sdp_string(offer)?)?.to_sdp_string())
    }

    /// A relay with the credentials of now. The old one is let go of first: new credentials are refused on it (441), and
    /// with a quota there is none to be had beside it (486), nor for another second with coturn.
    async fn allocate(&mut self, servers: &[IceServer]) -> Result<(), Failure> {
        let mut attempts = 1;
        if let Some(old) = self.relay.take() {
            attempts = 10;
            (self.report)(&format!("lets go of its relay {}", old.address));
            self.rtc.direct_api().invalidate_candidate(&candidate(&old)?);
            self.drain().await?;
            old.release().await?;
        }
        let relay = loop {
            attempts -= 1;
            match Relay::allocate(servers).await {
                Err(_) if attempts > 0 => sleep(PAUSE).await,
                relay => break relay?,
            }
        };
        (self.report)(&format!("has the relay {}", relay.address));
        self.rtc.add_local_candidate(candidate(&relay)?);
        self.relay = Some(relay);
        self.drain().await?;
        Ok(())
    }
}

fn candidate(relay: &Relay) -> Result<Candidate, Failure> {
    Ok(Candidate::relayed(relay.address, relay.local, "udp")?)
}

/// What comes through the relay, with the address of that.
async fn receive(relay: &mut Option<Relay>) -> io::Result<(SocketAddr, Vec<u8>, SocketAddr)> {
    match relay {
        Some(relay) => relay.receive().await.map(|(peer, data)| (peer, data, relay.address)),
        None => std::future::pending().await,
    }
}
