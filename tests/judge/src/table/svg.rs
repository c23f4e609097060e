//! As a picture: avoidable seconds of each row's worst session, a bar for each machine, on a scale that shows 0.1 s and a
//! day alike.

use std::fmt::Write as _;

use super::{Line, find, machines};
use crate::catalogue::rows;

const LEFT: f64 = 330.0;
const WIDTH: f64 = 620.0;
const BAR: f64 = 6.0;
const COLOURS: [&str; 4] = ["#1b6ca8", "#d9822b", "#8a8f98", "#444444"];
/// From a tenth of a second to a day.
const DECADES: [(f64, &str); 7] = [
    (0.1, "0.1 s"),
    (1.0, "1 s"),
    (10.0, "10 s"),
    (100.0, "100 s"),
    (1e3, "1,000 s"),
    (1e4, "10,000 s"),
    (1e5, "100,000 s"),
];

/// The picture. A client that never connects would only fill it.
#[must_use]
pub fn to_svg(lines: &[Line]) -> String {
    let machines: Vec<&str> = machines(lines).into_iter().filter(|machine| *machine != "absent").collect();
    let rows = rows();
    let each = BAR * machines.len() as f64 + 6.0;
    let top = 70.0;
    let bottom = top + each * rows.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.0}\" height=\"{:.0}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"20\" font-size=\"15\">Avoidable seconds of each world's worst session (log scale; a ring: \
         out of bounds)</text>\n",
        LEFT + WIDTH + 60.0,
        bottom + 20.0
    );
    for (index, machine) in machines.iter().enumerate() {
        let x = 10.0 + 110.0 * index as f64;
        let colour = COLOURS[index % COLOURS.len()];
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.0}\" y=\"32\" width=\"12\" height=\"12\" fill=\"{colour}\"/>\
             <text x=\"{:.0}\" y=\"42\">{machine}</text>",
            x + 17.0
        );
    }
    for (value, name) in DECADES {
        let x = LEFT + place(value);
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" y1=\"{:.0}\" x2=\"{x:.1}\" y2=\"{bottom:.0}\" stroke=\"#dddddd\"/>\
             <text x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\" fill=\"#555555\">{name}</text>",
            top - 4.0,
            top - 8.0
        );
    }
    for (index, row) in rows.iter().enumerate() {
        let y = top + each * index as f64;
        let name = row.name.replace('&', "&amp;").replace('<', "&lt;");
        let _ =
            writeln!(svg, "<text x=\"10\" y=\"{:.1}\">{} {name}</text>", y + each / 2.0 + 2.0, row.number);
        for (bar, machine) in machines.iter().enumerate() {
            let Some(line) = find(lines, machine, row) else { continue };
            let y = y + BAR * bar as f64 + 2.0;
            let colour = COLOURS[bar % COLOURS.len()];
            let width = place(line.worst).max(1.5);
            let _ = write!(
                svg,
                "<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>",
                BAR - 1.0
            );
            if !line.within() {
                let _ = write!(
                    svg,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.2\" fill=\"white\" stroke=\"{colour}\"/>",
                    LEFT + width + 5.0,
                    y + (BAR - 1.0) / 2.0
                );
            }
            svg.push('\n');
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Where on the scale.
fn place(seconds: f64) -> f64 {
    if seconds <= 0.0 {
        return 0.0;
    }
    let decades = (DECADES.len() - 1) as f64;
    (seconds / DECADES[0].0).log10().clamp(0.0, decades) / decades * WIDTH
}
