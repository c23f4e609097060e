//! What the application waits for, and what it is asked.

pub(super) mod asks;
pub(super) mod calls;
pub(super) mod presence;
pub(super) mod server_requests;
pub(super) mod subscriber;
