//! What is heard of the other side.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

use crate::tone::{RATE, decode, frequency};

/// How much is listened to before its frequency is told.
const WINDOW: usize = RATE as usize / 5;
/// How long a pause is before it is silence.
const SILENCE: Duration = Duration::from_millis(300);
/// Longest time that a sound may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Shared by the media, which hear, and whoever asks what.
#[derive(Clone)]
pub(crate) struct Ear(watch::Sender<Heard>);

#[derive(Default)]
struct Heard {
    samples: Vec<i16>,
    /// When the first of these came.
    since: Option<Instant>,
    last: Option<Instant>,
    longest_pause: Duration,
    /// Of the last whole window, and when that began.
    tone: Option<(Instant, f64)>,
}

impl Ear {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Heard::default()))
    }

    /// A packet has come.
    pub(crate) fn hear(&self, at: Instant, packet: &[u8]) {
        self.0.send_modify(|heard| {
            if let Some(last) = heard.last.replace(at) {
                heard.longest_pause = heard.longest_pause.max(at.saturating_duration_since(last));
            }
            let since = *heard.since.get_or_insert(at);
            heard.samples.extend(packet.iter().copied().map(decode));
            if heard.samples.len() >= WINDOW {
                heard.tone = frequency(&heard.samples).map(|hz| (since, hz));
                heard.samples.clear();
                heard.since = None;
            }
        });
    }

    /// Whether this tone comes, from now on; what was measured.
    pub(crate) async fn hears(&self, hz: u32) -> Option<f64> {
        let (began, mut heard) = (Instant::now(), self.0.subscribe());
        let is_it = |heard: &Heard| {
            heard.tone.filter(|(since, measured)| *since >= began && (measured - f64::from(hz)).abs() < 5.0)
        };
        let tone = timeout(PATIENCE, heard.wait_for(|heard| is_it(heard).is_some())).await.ok()?.ok()?;
        is_it(&tone).map(|(_, measured)| measured)
    }

    /// Whether it becomes silent.
    pub(crate) async fn hears_nothing(&self) -> bool {
        let mut heard = self.0.subscribe();
        let quiet = async { while timeout(SILENCE, heard.changed()).await.is_ok() {} };
        timeout(PATIENCE, quiet).await.is_ok()
    }

    /// The longest time without a packet since this was asked before.
    pub(crate) fn longest_pause(&self) -> Duration {
        let mut longest = Duration::ZERO;
        self.0.send_if_modified(|heard| {
            longest = std::mem::take(&mut heard.longest_pause);
            false
        });
        longest
    }
}
