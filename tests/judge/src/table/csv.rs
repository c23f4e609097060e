//! As CSV: what is kept of a build that is not here any more.

use std::fmt::Write as _;

use super::Line;
use crate::catalogue::rows;
use crate::run::KINDS;

const HEAD: &str = "machine,row,world,sessions,hours,possible_hours,served_hours,excused_s,avoidable_s,worst_s,disruptions,\
                    lost,lies,silence,overstay,spent_twice,waste,identity,requests,opens,broken";

/// A line each.
#[must_use]
pub fn to_csv(lines: &[Line]) -> String {
    let rows = rows();
    let mut text = format!("{HEAD}\n");
    for line in lines {
        let name = rows.iter().find(|row| row.number == line.row).map_or("", |row| row.name);
        let _ = write!(
            text,
            "{},{},\"{name}\",{},{:.3},{:.3},{:.3},{:.3},{:.3},{:.3},{}",
            line.machine,
            line.row,
            line.sessions,
            line.hours,
            line.possible,
            line.served,
            line.excused,
            line.avoidable,
            line.worst,
            line.disruptions
        );
        for count in line.faults {
            let _ = write!(text, ",{count}");
        }
        let _ = writeln!(text, ",{},{},{}", line.requests, line.opens, line.broken);
    }
    text
}

/// What was written by `to_csv`.
///
/// # Errors
///
/// The line that is something else.
pub fn from_csv(text: &str) -> Result<Vec<Line>, String> {
    text.lines().skip(1).map(|line| read(line).ok_or_else(|| format!("not understood: {line}"))).collect()
}

fn read(line: &str) -> Option<Line> {
    let mut quoted = line.split('"');
    let (front, back) = (quoted.next()?, quoted.nth(1)?);
    let mut front = front.split(',');
    let machine = front.next()?.to_owned();
    let row = front.next()?.parse().ok()?;
    let mut cells = back.split(',').skip(1);
    let count = |cell: Option<&str>| cell?.parse::<u64>().ok();
    let sessions = count(cells.next())?;
    let mut figures = [0.0; 6];
    for figure in &mut figures {
        *figure = cells.next()?.parse().ok()?;
    }
    let [hours, possible, served, excused, avoidable, worst] = figures;
    let disruptions = count(cells.next())?;
    let mut faults = [0; KINDS.len()];
    for fault in &mut faults {
        *fault = count(cells.next())?;
    }
    Some(Line {
        machine,
        row,
        sessions,
        hours,
        possible,
        served,
        excused,
        avoidable,
        worst,
        disruptions,
        faults,
        requests: count(cells.next())?,
        opens: count(cells.next())?,
        broken: count(cells.next())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let line = Line {
            machine: "november".to_owned(),
            row: 8,
            sessions: 24,
            hours: 247.5,
            possible: 200.25,
            served: 199.125,
            excused: 12.5,
            avoidable: 7.25,
            worst: 3.5,
            disruptions: 4,
            faults: [1, 2, 3, 4, 5, 6, 7],
            requests: 1_000,
            opens: 77,
            broken: 2,
        };
        let other = Line { machine: "this".to_owned(), row: 24, ..line.clone() };
        let both = vec![line, other];
        assert_eq!(from_csv(&to_csv(&both)), Ok(both));
        assert!(from_csv("head\nsomething else").is_err());
    }
}
