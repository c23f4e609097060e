//! What touches three parts or more.

pub(super) mod commands;
pub(super) mod facts;
pub(super) mod frames;
pub(super) mod intent;
pub(super) mod record;
pub(super) mod replies;
#[cfg(feature = "std")]
pub(super) mod run;
pub(super) mod signing;
