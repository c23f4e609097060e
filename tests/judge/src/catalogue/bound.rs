//! What a world may cost its user at most.

use crate::timeline::Ms;
use crate::verdict::Verdict;

/// Of one session. Nobody may ever see a fault of the verdict's, in any world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// Avoidable milliseconds of the whole session.
    pub avoidable: Ms,
    /// Disruptions, where they count.
    pub disruptions: Option<u32>,
    /// They may be as many as the tokens that it was given: one a life.
    pub disruption_a_life: bool,
    /// It must be over, and be so between these times.
    pub ends: Option<(Ms, Ms)>,
    /// Activations within any hour.
    pub activations_an_hour: Option<u32>,
    /// Connects of the whole session.
    pub connects: Option<u32>,
    /// Mints from that time on.
    pub mints: Option<(Ms, u32)>,
    /// Sockets that are asked for, of the whole session.
    pub opens: Option<u32>,
    /// Of a herd: what part of it may ask for a socket in the same second after that time, in percent.
    pub herd: Option<(Ms, u32)>,
}

impl Bound {
    /// What of it a session has broken, in words.
    #[must_use]
    pub fn broken(&self, verdict: &Verdict) -> Option<String> {
        let mut broken = Vec::new();
        for fault in &verdict.faults {
            broken.push(format!("{:?} at {}: {}", fault.kind, seconds(fault.at), fault.what));
        }
        if verdict.avoidable > self.avoidable {
            broken.push(format!(
                "{} avoidable, {} allowed",
                seconds(verdict.avoidable),
                seconds(self.avoidable)
            ));
        }
        let disruptions = self
            .disruptions
            .map(|allowed| if self.disruption_a_life { allowed.max(verdict.lives) } else { allowed });
        let minted = |from: Ms| verdict.minted_at.iter().filter(|at| **at >= from).count() as u32;
        let counts = [
            ("disruptions", verdict.disruptions, disruptions),
            ("activations within an hour", verdict.activations_an_hour, self.activations_an_hour),
            ("connects", verdict.connects, self.connects),
            ("mints", self.mints.map_or(0, |(from, _)| minted(from)), self.mints.map(|(_, allowed)| allowed)),
            ("sockets", verdict.opens, self.opens),
        ];
        for (what, had, allowed) in counts {
            if let Some(allowed) = allowed.filter(|allowed| had > *allowed) {
                broken.push(format!("{had} {what}, {allowed} allowed"));
            }
        }
        match (self.ends, verdict.over) {
            (Some((from, to)), None) => {
                broken.push(format!("not over; it must be between {} and {}", seconds(from), seconds(to)));
            }
            (Some((from, to)), Some(over)) if over < from || over > to => {
                broken.push(format!(
                    "over at {}, not between {} and {}",
                    seconds(over),
                    seconds(from),
                    seconds(to)
                ));
            }
            _ => {}
        }
        (!broken.is_empty()).then(|| broken.join("; "))
    }

    /// Both at once: what either may cost.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let sum = |a: Option<u32>, b: Option<u32>| Some(a? + b?);
        Self {
            avoidable: self.avoidable + other.avoidable,
            disruptions: sum(self.disruptions, other.disruptions),
            disruption_a_life: self.disruption_a_life || other.disruption_a_life,
            ends: self.ends.or(other.ends),
            activations_an_hour: sum(self.activations_an_hour, other.activations_an_hour),
            connects: sum(self.connects, other.connects),
            mints: self.mints.zip(other.mints).map(|(a, b)| (a.0.min(b.0), a.1 + b.1)),
            opens: sum(self.opens, other.opens),
            herd: self.herd.or(other.herd),
        }
    }
}

/// Milliseconds as seconds.
#[must_use]
pub fn seconds(ms: Ms) -> String {
    format!("{}.{:03} s", ms / 1_000, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Fault, Kind};

    #[test]
    fn each_figure_is_looked_at() {
        let bound = Bound {
            avoidable: 1_000,
            disruptions: Some(1),
            disruption_a_life: false,
            ends: Some((5_000, 6_000)),
            activations_an_hour: Some(12),
            connects: Some(2),
            mints: Some((10, 2)),
            opens: Some(2),
            herd: None,
        };
        let fine = Verdict {
            avoidable: 1_000,
            disruptions: 1,
            over: Some(5_500),
            activations_an_hour: 12,
            ..Verdict::default()
        };
        assert_eq!(bound.broken(&fine), None);
        let fault = Fault { at: 1, kind: Kind::Lie, what: "live while not served".to_owned() };
        for (verdict, word) in [
            (Verdict { avoidable: 1_001, ..fine.clone() }, "1.001 s avoidable"),
            (Verdict { disruptions: 2, ..fine.clone() }, "2 disruptions"),
            (
                Verdict { activations_an_hour: 13, ..fine.clone() },
                "13 activations within an hour, 12 allowed",
            ),
            (Verdict { connects: 3, ..fine.clone() }, "3 connects"),
            (Verdict { minted_at: vec![9, 10, 11, 12], ..fine.clone() }, "3 mints"),
            (Verdict { opens: 3, ..fine.clone() }, "3 sockets"),
            (Verdict { over: None, ..fine.clone() }, "not over"),
            (Verdict { over: Some(6_001), ..fine.clone() }, "over at 6.001 s"),
            (Verdict { over: Some(4_999), ..fine.clone() }, "over at 4.999 s"),
            (Verdict { faults: vec![fault], ..fine.clone() }, "Lie at 0.001 s"),
        ] {
            let what = bound.broken(&verdict);
            assert!(what.as_ref().is_some_and(|what| what.starts_with(word)), "{word}: {what:?}");
        }
    }
}
