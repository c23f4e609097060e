//! What is told beside what happens: the errors behind failures, and what happens again and again.

pub(super) mod fault;
pub(super) mod journal;
pub(super) mod notices;
pub(super) mod repeats;
