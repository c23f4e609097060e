//! `benches/instructions.rs`, and what valgrind counted.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::child;

/// What gungraun has counted; nothing, where it or valgrind is missing.
pub struct Instructions(Vec<Value>);

impl Instructions {
    /// Counts anew.
    ///
    /// # Errors
    /// It failed.
    pub fn count() -> child::Result<Self> {
        let runner = std::env::var("GUNGRAUN_RUNNER").unwrap_or_else(|_| "gungraun-runner".to_owned());
        for tool in ["valgrind", &runner] {
            if Command::new(tool)
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_err()
            {
                writeln!(std::io::stderr(), "SKIP instructions: {tool} is missing here")?;
                return Ok(Self(Vec::new()));
            }
        }
        let mut run = child::bench("instructions");
        run.arg("--output-format=json");
        let lines = child::output(run)?;
        Ok(Self(lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?))
    }

    /// Of this bench's run with this id.
    #[must_use]
    pub fn of(&self, function: &str, id: &str) -> String {
        let it = self.0.iter().find(|it| it["function_name"] == function && it["id"] == id);
        let count = it.map(|it| &it["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"]["new"]);
        count.map_or_else(|| "not counted".to_owned(), |count| format!("{count} instructions"))
    }
}
