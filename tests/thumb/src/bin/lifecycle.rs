//! The lifecycle alone: a session whose token nobody renews, from its start to its end.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::collections::VecDeque;

use cortex_m_rt::entry;
use satkeeper_core::lifecycle::{
    Action, Confirmation, Input, KeyFacts, Lifecycle, Outcome, Output, Policy, ProviderFacts, Reply, Start,
    Statement, TokenFacts, TokenId,
};
use satkeeper_core::secret::Seed;
use satkeeper_core::{Now, UnixMillis};

const EPOCH: u64 = 1_700_000_000_000;

#[entry]
fn main() -> ! {
    satkeeper_thumb::start();
    let mut machine = Lifecycle::new(Policy::default(), &Seed::from_bytes([7; 32]));
    let provider = ProviderFacts { can_refresh: false, can_mint_again: false, may_be_asked_twice: false };
    let mut inbox =
        VecDeque::from([Input::Start(Start { provider, key: KeyFacts::Unavailable, durable: false })]);
    let (mut now, mut steps, mut most) = (0, 0, 0);
    let statement = Statement {
        expires_at: Some(UnixMillis(EPOCH + 7_200_000)),
        expires_in: None,
        expiry_hint: None,
        assumed_life: None,
        scope: Some(false),
        cnf: Confirmation::Unbound,
    };
    while let Some(input) = inbox.pop_front() {
        let step = machine.step(Now::new(now, EPOCH + now), input);
        steps += 1;
        most = most.max(satkeeper_thumb::heap());
        for output in step.outputs {
            let Output::Do(command) = output else { continue };
            let reply = match command.action {
                Action::Mint { .. } => {
                    Reply::Token(TokenFacts { token: TokenId(1), statement, new_secret: false })
                }
                Action::Open { .. } => Reply::Opened,
                Action::Authenticate { .. } => Reply::Authenticated { resumed: false, statement },
                _ => Reply::Finished,
            };
            let outcome = Outcome { result: Ok(reply), server_time: None, signed_at: None };
            inbox.push_back(Input::Done(command.id, outcome));
        }
        if inbox.is_empty()
            && let Some((at, _)) = step.wake_at
        {
            now = now.max(at.0);
            inbox.push_back(Input::Tick);
        }
    }
    satkeeper_thumb::finish(steps, most)
}
