//! Any bytes as frames.

use satkeeper_core::wire::rpc::Frame;

use crate::world::{World, config};

/// Each line is a frame: parsed or refused, and taken by a session, whose last request's id stands for `$id`; an
/// answer for what it sends, or out of the blue. Never a panic, and with a server that is well at last the session
/// is live, or over (R32, R36).
///
/// # Panics
/// When that is not so: that is a finding.
pub fn frame(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let _ = Frame::parse(text);
    let mut world = World::new(config("bound"), data);
    world.frames = text.lines().take(64).map(str::to_owned).collect();
    world.run();
}
