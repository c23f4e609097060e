//! A fleet's requests over time, as SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 320.0;
/// Of the curves, in this picture.
const LEFT: f64 = 120.0;
const RIGHT: f64 = 940.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 280.0;

const MEAN: &str = "#236";
const HIGHEST: &str = "#d66";

/// A line of the CSV: a minute, the mean of its seconds, and the highest.
struct Minute {
    number: f64,
    mean: f64,
    highest: f64,
}

/// Draws a day of `minute,mean,highest` lines from this minute on, beside the mean of them all and three times that.
#[must_use]
pub fn svg(csv: &str, from: usize, title: &str) -> String {
    let minutes: Vec<Minute> = csv.lines().skip(1 + from).filter_map(minute).collect();
    let mean = minutes.iter().map(|minute| minute.mean).sum::<f64>() / minutes.len().max(1) as f64;
    let top = minutes.iter().map(|minute| minute.highest).fold(3.0 * mean, f64::max).max(1.0);
    let x = |number: f64| LEFT + (RIGHT - LEFT) * number / 1_440.0;
    let y = |value: f64| BOTTOM - (BOTTOM - TOP) * value / top;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"{LEFT}\" y=\"18\">{title}: of \
         each minute the <tspan fill=\"{HIGHEST}\">highest second</tspan> and the <tspan \
         fill=\"{MEAN}\">mean</tspan></text>\n"
    );
    for (value, name) in [(0.0, ""), (mean, "mean "), (3.0 * mean, "3 × mean ")] {
        let at = y(value);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#bbb\"/><text x=\"{:.1}\" \
             y=\"{:.1}\" text-anchor=\"end\">{name}{value:.0}/s</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
    for hour in (0..=24).step_by(3) {
        let (at, below) = (x(f64::from(hour) * 60.0), BOTTOM + 18.0);
        let _ = writeln!(svg, "<text x=\"{at:.1}\" y=\"{below:.1}\" text-anchor=\"middle\">{hour} h</text>");
    }
    for (colour, value) in [(HIGHEST, (|it| it.highest) as fn(&Minute) -> f64), (MEAN, |it| it.mean)] {
        let points = minutes.iter().map(|minute| format!("{:.1},{:.1}", x(minute.number), y(value(minute))));
        let points = points.collect::<Vec<_>>().join(" ");
        let _ = writeln!(svg, "<polyline fill=\"none\" stroke=\"{colour}\" points=\"{points}\"/>");
    }
    svg.push_str("</svg>\n");
    svg
}

fn minute(line: &str) -> Option<Minute> {
    let mut parts = line.split(',').map(str::parse);
    let mut next = || parts.next()?.ok();
    Some(Minute { number: next()?, mean: next()?, highest: next()? })
}
