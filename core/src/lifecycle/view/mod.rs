//! What follows from the state of all parts, and when: reads, and changes nothing. Nothing in here is stored.

mod agenda;
mod asks;
pub(in crate::lifecycle) mod earliest;
mod end;
mod forecast;
pub(in crate::lifecycle) mod look;
mod prospects;
mod pushes;
mod report;
mod requests;
mod service;
mod sockets;
