//! What is due, and when: derived from the state each time, never stored.

use crate::lifecycle::clock::At;
use crate::lifecycle::view::earliest::{Due, Earliest};
use crate::lifecycle::view::look::Look;
use crate::lifecycle::{Action, Lifecycle, Mechanism, Mode, TeardownReason, Wake};

impl Lifecycle {
    /// The earliest deadline there is.
    pub(in crate::lifecycle) fn agenda(&self) -> Option<Due> {
        match self.mode {
            Mode::Idle | Mode::Over(_) => return None,
            Mode::Suspended | Mode::Ending(..) => {
                let mut agenda = Earliest::from(self.clock.now(), None);
                self.offer_deadlines(&mut agenda);
                let agenda_now = self.clock.now();
                if self.mode == Mode::Suspended {
                    agenda.offer(self.next_write(), Wake::Persist);
                } else if self.record.is_urgent() && self.writes_at_the_end() {
                    // A secret that has come late is kept (R12).
                    agenda.offer(self.next_write().map(|_| agenda_now), Wake::Persist);
                } else {
                    agenda.offer_if(self.attempts.is_empty(), Wake::Farewell);
                }
                return agenda.best;
            }
            Mode::Running => {}
        }
        let look = self.look();
        let mut agenda = Earliest::from(look.now, look.due);
        self.offer_deadlines(&mut agenda);
        self.offer_judgements(&look, &mut agenda);
        let making = |action: &Action| matches!(action, Action::MakeKey { .. });
        agenda.offer_if(self.renewal.key.is_wanted() && !self.attempts.any(making), Wake::MakeKey);
        agenda.offer_about(look.inspects.map(|base| (look.now, base)), Wake::Inspect);
        agenda.offer_about(self.reaches_out(&look), Wake::ReachOut);
        self.offer_exchanges(&look, &mut agenda);
        if agenda.best.is_some_and(|best| best.at <= look.now) {
            // Nothing comes before what is due.
            return agenda.best;
        }
        agenda.offer(self.next_write(), Wake::Persist);
        agenda.offer_about(self.next_push(&look), Wake::Push);
        agenda.offer_about(self.next_show(&look), Wake::Show);
        agenda.offer(self.next_open(&look).map(|(at, _)| at), Wake::Open);
        agenda.offer(self.next_token_end(look.now), Wake::TokenEnds);
        agenda.best
    }

    fn offer_deadlines(&self, agenda: &mut Earliest) {
        if let Some((at, id)) = self.attempts.next_deadline() {
            agenda.offer(Some(at), Wake::Deadline(id));
        }
    }

    /// Deadlines at which something is decided or said rather than asked for.
    fn offer_judgements(&self, look: &Look<'_>, agenda: &mut Earliest) {
        let hopeless = self.is_hopeless(look) && !self.is_unsure() && !self.tokens.are_none();
        agenda.offer_if(hopeless && (!self.hope.is_lost() || !self.hope.was_told()), Wake::Hopeless);
        agenda.offer(self.give_up_at(look), Wake::GiveUp);
        agenda.offer_if(self.some_wait_in_vain(look), Wake::Vain);
        agenda.offer(self.waiters.patience(self.policy.ask_patience), Wake::Pending);
        if let Some(serving) = self.link.serving().filter(|serving| !serving.is_stable()) {
            agenda.offer(Some(serving.since().saturating_add(self.policy.stable)), Wake::Stable);
        }
        agenda.offer(self.link.parting().map(|parting| parting.until), Wake::Part);
        agenda.offer(self.next_expiring(look), Wake::Expiring);
        let fallback = self.fallback_reason(look).is_some_and(|reason| !self.told.of_fallback(reason));
        agenda.offer_if(fallback, Wake::Fallback);
        agenda.offer_if(self.lacks_mechanism(look), Wake::NoMechanism);
    }

    const fn writes_at_the_end(&self) -> bool {
        let gone =
            matches!(self.mode, Mode::Ending(TeardownReason::Destroyed | TeardownReason::HandedOver, _));
        self.record.is_kept() && !gone
    }

    /// When `credential_expiring` is due for the token in force.
    fn next_expiring(&self, look: &Look<'_>) -> Option<At> {
        if self.told.of_expiring(self.tokens.generation()) || self.hope.is_lost() {
            return None;
        }
        // What has ended when it is accepted is not about to end.
        let token = look.in_force.filter(|token| token.lasts(look.now))?;
        if self.mechanism(look) != Mechanism::None {
            return look.last_call;
        }
        Some(token.ends?.saturating_sub(self.policy.expiring_notice.min(token.life()? / 2)))
    }

    fn next_write(&self) -> Option<At> {
        let writing = |action: &Action| matches!(action, Action::Persist);
        self.record.due(self.policy.write_interval).filter(|_| !self.attempts.any(writing))
    }
}
