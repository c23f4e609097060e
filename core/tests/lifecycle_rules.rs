//! The rules of the lifecycle, each told as a story in virtual time.

mod story;

use satkeeper_core::lifecycle::*;
use story::{Story, Treatment, World};

const UNAVAILABLE: Failure = Failure::Http { status: 503, retry_after: None };
const REFUSED: Failure = Failure::Rpc { code: -32_002, credential: true };

fn short_lived() -> World {
    World { base_life: 40_000, bound_life: 12_000, ..World::default() }
}

#[test]
fn a_scratch_healthy_bound_session() {
    let mut story = Story::begin(short_lived(), true, false);
    story.until(30_000);
    println!("{}", story.script);
}
