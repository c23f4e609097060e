//! `benches/time.rs`, and what criterion made of it.

use std::fmt;
use std::fs::read_to_string;
use std::path::PathBuf;

use serde_json::Value;

use crate::child;

/// What criterion has measured.
pub struct Times(PathBuf);

impl Times {
    /// Measures anew.
    ///
    /// # Errors
    /// It failed.
    pub fn take() -> child::Result<Self> {
        let home = std::env::current_exe()?.with_file_name("criterion");
        let mut run = child::bench("time");
        run.env("CRITERION_HOME", &home);
        child::run(run)?;
        Ok(Self(home))
    }

    /// One of them, `group/name`.
    ///
    /// # Errors
    /// There is none.
    pub fn of(&self, id: &str) -> child::Result<Time> {
        let read = |name: &str| -> child::Result<Value> {
            let path = self.0.join(id).join("new").join(name);
            let text = read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(serde_json::from_str(&text)?)
        };
        let median = read("estimates.json")?["median"]["point_estimate"].as_f64();
        let samples = read("sample.json")?;
        let numbers =
            |name: &str| samples[name].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        let (times, counts): (Vec<f64>, Vec<f64>) = (numbers("times"), numbers("iters"));
        let least = times.iter().zip(&counts).map(|(time, count)| time / count).fold(f64::INFINITY, f64::min);
        Ok(Time { median: median.ok_or_else(|| format!("{id} has no median"))?, least })
    }
}

/// Nanoseconds of one run, over criterion's samples: with others at work on the machine the least says more.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    /// Half of the samples took less.
    pub median: f64,
    /// No sample took less.
    pub least: f64,
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, least } = self;
        match median {
            0.0..100.0 => write!(f, "{median:.1} ns ({least:.1})"),
            100.0..3_000.0 => write!(f, "{median:.0} ns ({least:.0})"),
            _ => write!(f, "{:.1} µs ({:.1})", median / 1e3, least / 1e3),
        }
    }
}
