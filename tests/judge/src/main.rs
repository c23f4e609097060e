//! The command line of the judge.

fn main() {}
