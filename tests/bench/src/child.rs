//! Programs that measure. What they say on standard error is shown, and where one fails, all fails.

use std::process::{Command, Stdio};

/// Whatever went wrong.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Cargo doing this with what is measured.
fn cargo(what: &str) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([what, "--quiet", "--profile", "measured", "--package"]);
    cargo
}

/// A bench of this crate.
#[must_use]
pub fn bench(name: &str) -> Command {
    let mut cargo = cargo("bench");
    cargo.args(["satkeeper-bench", "--bench", name, "--"]);
    cargo
}

/// The simulation.
#[must_use]
pub fn simulate() -> Command {
    let mut cargo = cargo("run");
    cargo.args(["satkeeper-simulation", "--"]);
    cargo
}

/// Runs it and shows what it prints.
///
/// # Errors
/// It could not be started, or failed.
pub fn run(mut program: Command) -> Result<()> {
    let status = program.status()?;
    if status.success() { Ok(()) } else { Err(format!("{program:?}: {status}").into()) }
}

/// What it prints.
///
/// # Errors
/// It could not be started, failed, or printed no text.
pub fn output(mut program: Command) -> Result<String> {
    let run = program.stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8(run.stdout)?;
    if run.status.success() { Ok(text) } else { Err(format!("{program:?}: {}\n{text}", run.status).into()) }
}
