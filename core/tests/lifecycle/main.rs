//! `Lifecycle`, rule by rule: stories of one session (`story`), arbitrary inputs under arbitrary clocks (`chaos`), a
//! second model of the rules beside it (`reference`), runs replayed (`replay`).
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    clippy::unreachable,
    missing_docs,
    unreachable_pub,
    reason = "a failing test is a panic"
)]

mod activation;
mod against_reference;
mod attempts;
mod bound;
mod brought;
mod browser;
mod budget;
mod chaos;
mod connection;
mod doubt;
mod ends;
mod holder;
mod hope;
mod incompatible;
mod outage;
mod property;
mod provider;
mod push;
mod reference;
mod refusal;
mod renewer;
mod replay;
mod requests;
mod rest;
mod restore;
mod scenarios;
mod schedule;
mod shown;
mod sleep;
mod story;
mod update;
mod void;
mod waiting;
mod writes;
