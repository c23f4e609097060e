//! What stands in a recorded run, as it is written. Each sample stands under the names of the types that it shows
//! (`tests/serialised.rs` of the workspace sees to it that none is missing).
#![allow(clippy::expect_used, reason = "a failing test is a panic")]

use std::fmt::Write as _;

use satkeeper_core::lifecycle::{KeyAlgorithm, Policy, ProviderFacts};
use serde::Serialize;

use crate::recording::{Head, KeySetUp, SetUp};
use crate::wire::Given;

/// One value a line, as JSON.
fn lines<T: Serialize>(names: &str, values: &[T]) -> String {
    let mut text = format!("{names}\n");
    for value in values {
        let _ = writeln!(text, "  {}", serde_json::to_string(value).expect("plain data"));
    }
    text
}

#[test]
fn heads() {
    let callback = ProviderFacts { can_refresh: true, can_mint_again: false, may_be_asked_twice: false };
    let algorithm = KeyAlgorithm::Es256;
    let keys = [KeySetUp::Auto, KeySetUp::Fixed(algorithm), KeySetUp::Held(algorithm), KeySetUp::Nobody];
    let set_up = SetUp { callback: Some(callback), key: KeySetUp::Auto, durable: true };
    let heads =
        [Head::lifecycle(Policy::default(), [7; 32]), Head::session(Policy::default(), [7; 32], set_up)];
    insta::assert_snapshot!(lines("Head, Kind, SetUp", &heads) + &lines("KeySetUp", &keys));
}

#[test]
fn what_a_session_is_given() {
    let text = || "text".to_owned();
    let some = || Some(text());
    let facts = ProviderFacts { can_refresh: true, can_mint_again: false, may_be_asked_twice: false };
    let given = [
        Given::Start,
        Given::Tick,
        Given::Http { id: 1, status: 200, date: some(), retry_after: some(), body: text() },
        Given::WantsNonce { id: 1, nonce: text() },
        Given::HttpBroke { id: 1 },
        Given::Opened { socket: 1, date: some() },
        Given::Frame { socket: 1, text: text() },
        Given::Closed { socket: 1 },
        Given::Credential { id: 1, token: text(), expiry_at: Some(1) },
        Given::ProviderFails { id: 1, retry_after: Some(1) },
        Given::ProviderRejects { id: 1 },
        Given::Key { id: 1, algorithm: KeyAlgorithm::Es256 },
        Given::NoKey { id: 1 },
        Given::Stored { id: 1 },
        Given::NotStored { id: 1 },
        Given::Call { call: 1, method: text() },
        Given::UpdateToken { ask: 1, token: text() },
        Given::RefreshNow { ask: 1 },
        Given::Rejected { ask: 1, generation: 1 },
        Given::SetProvider(facts),
        Given::Suspend,
        Given::Resume,
        Given::NetworkChanged,
        Given::Disconnect,
        Given::Leave,
        Given::Destroy,
    ];
    insta::assert_snapshot!(lines("Given", &given));
}
