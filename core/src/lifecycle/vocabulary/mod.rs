//! What is said to the machine and what it says: each alphabet whole, in one file.

pub(crate) mod command;
pub(crate) mod event;
pub(crate) mod ids;
pub(crate) mod input;
pub(crate) mod policy;
pub(crate) mod status;
pub(crate) mod wake;
