//! As text.

use std::fmt::Write as _;

use super::{Line, Total, find, machines};
use crate::catalogue::{Row, rows};

/// Every figure of the first machine, then all machines side by side, then what each comes to.
#[must_use]
pub fn to_text(lines: &[Line]) -> String {
    let machines = machines(lines);
    let mut text = String::new();
    for machine in machines.iter().take(1) {
        figures(&mut text, lines, machine);
    }
    beside(&mut text, lines, &machines);
    totals(&mut text, lines, &machines);
    text
}

fn figures(text: &mut String, lines: &[Line], machine: &str) {
    let _ = writeln!(
        text,
        "{machine}: availability is served of possible; avoidable seconds a session, and of the worst\n\n\
         {:>3} {:<50} {:>6} {:>9} {:>9} {:>9} {:>9} {:>7} {:>5} {:>5} {:>5} {:>5} {:>5} {:>6} {:>5} {:>7}  bound\n\
         {:>3} {:<50} {:>6} {:>9} {:>9} {:>9} {:>9} {:>7} {:>5} {:>5} {:>5} {:>5} {:>5} {:>6} {:>5} {:>7}",
        "#",
        "world",
        "sess.",
        "possible",
        "availab.",
        "avoidable",
        "worst",
        "excused",
        "disr.",
        "lost",
        "lies",
        "sil.",
        "over",
        "spent",
        "waste",
        "req./h",
        "",
        "",
        "",
        "% of time",
        "%",
        "s",
        "s",
        "s",
        "",
        "",
        "",
        "ence",
        "stay",
        "twice",
        "",
        "",
    );
    for row in played(lines) {
        let Some(line) = find(lines, machine, row) else {
            let why = if row.session_only { "for a whole Session only" } else { "not played" };
            let _ = writeln!(text, "{:>3} {:<50} {why}", row.number, row.name);
            continue;
        };
        let [lost, lies, silence, overstay, spent, waste, identity] = line.faults;
        let share = line.possible / line.hours.max(1e-9) * 100.0;
        let _ = write!(
            text,
            "{:>3} {:<50} {:>6} {share:>9.2} {:>9.4} {:>9.2} {:>9.2} {:>7.1} {:>5} {lost:>5} {lies:>5} {silence:>5} \
             {overstay:>5} {spent:>6} {waste:>5} {:>7.1}  {}",
            row.number,
            row.name,
            line.sessions,
            available(line.served, line.possible),
            line.mean(),
            line.worst,
            line.excused / line.sessions.max(1) as f64,
            line.disruptions,
            line.requests as f64 / line.hours.max(1e-9),
            within(line),
        );
        if identity > 0 {
            let _ = write!(text, "; another's token served {identity} times");
        }
        let _ = writeln!(text, " ({})", row.allowed);
    }
    text.push('\n');
    for row in played(lines) {
        if find(lines, machine, row).is_some_and(|line| line.possible < line.hours / 2.0) {
            let why = row.scarce.unwrap_or("NOT NAMED");
            let _ = writeln!(text, "{:>3} less than half of the time is possible: {why}", row.number);
        }
    }
    text.push('\n');
}

/// The rows of which there is anything.
fn played(lines: &[Line]) -> impl Iterator<Item = &'static Row> {
    rows().into_iter().filter(|row| lines.iter().any(|line| line.row == row.number))
}

fn within(line: &Line) -> String {
    if line.within() { "within".to_owned() } else { format!("BROKEN by {}", line.broken) }
}

fn available(served: f64, possible: f64) -> f64 {
    if possible == 0.0 { 100.0 } else { served / possible * 100.0 }
}

fn beside(text: &mut String, lines: &[Line], machines: &[&str]) {
    let _ = write!(
        text,
        "avoidable seconds a session, of the worst, faults, and sessions that break their bound (-: none)\n\n"
    );
    let _ = write!(text, "{:>3} {:<50}", "", "");
    for machine in machines {
        let _ = write!(text, " | {machine:<35}");
    }
    text.push('\n');
    for row in played(lines) {
        let _ = write!(text, "{:>3} {:<50}", row.number, row.name);
        for machine in machines {
            match find(lines, machine, row) {
                Some(line) => {
                    let faults: u64 = line.faults.iter().sum();
                    let broken = if line.within() { "-".to_owned() } else { line.broken.to_string() };
                    let _ =
                        write!(text, " | {:>10.2} {:>10.2} {faults:>7} {broken:>5}", line.mean(), line.worst);
                }
                None => {
                    let _ = write!(text, " | {:<35}", "");
                }
            }
        }
        text.push('\n');
    }
    text.push('\n');
}

fn totals(text: &mut String, lines: &[Line], machines: &[&str]) {
    for machine in machines {
        let total = Total::of(lines.iter().filter(|line| line.machine == *machine));
        let [lost, lies, silence, overstay, spent, waste, identity] = total.faults;
        let _ = writeln!(
            text,
            "{machine}: {} of {} rows within their bound; {} sessions, {:.0} session-hours, of these {:.0} possible; \
             availability {:.4} %, {:.4} % of what is not excused; {:.0} s avoidable, {:.0} s excused; {} disruptions; \
             lost {lost}, lies {lies}, silence {silence}, overstay {overstay}, spent twice {spent}, waste {waste}, \
             another's {identity}; {:.1} requests an hour",
            total.within,
            total.rows,
            total.sessions,
            total.hours,
            total.possible,
            available(total.served, total.possible),
            available(total.served, total.served + total.avoidable / 3_600.0),
            total.avoidable,
            total.excused,
            total.disruptions,
            total.requests as f64 / total.hours.max(1e-9),
        );
    }
}
