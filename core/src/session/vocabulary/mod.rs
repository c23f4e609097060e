//! What a driver and an application see: names, inputs, outputs, events, settings. Each alphabet whole.

pub(super) mod answer;
pub(super) mod config;
pub(super) mod credential;
pub(super) mod event;
pub(super) mod ids;
pub(super) mod in_force;
pub(super) mod input;
pub(super) mod kind;
pub(super) mod notification;
pub(super) mod output;
pub(super) mod provider;
mod shown;
