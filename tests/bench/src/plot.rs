//! A fleet's requests over time, as SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 40.0;

/// Draws `minute,mean,highest` lines from this minute on: the mean and the highest second of each minute, and
/// the mean of all.
#[must_use]
pub fn svg(csv: &str, from: usize, title: &str) -> String {
    let rows: Vec<(f64, f64)> = csv
        .lines()
        .skip(1 + from)
        .filter_map(|line| {
            let mut parts = line.split(',').skip(1).map(str::parse::<f64>);
            Some((parts.next()?.ok()?, parts.next()?.ok()?))
        })
        .collect();
    let mean = rows.iter().map(|(mean, _)| mean).sum::<f64>() / rows.len().max(1) as f64;
    let top = rows.iter().map(|(_, highest)| *highest).fold(3.0 * mean, f64::max).max(1.0);
    let x = |row: usize| LEFT + (WIDTH - LEFT - 10.0) * row as f64 / rows.len().max(1) as f64;
    let y = |value: f64| HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 30.0) * value / top;
    let line = |value: &dyn Fn(&(f64, f64)) -> f64| {
        let points = rows.iter().enumerate().map(|(at, row)| format!("{:.1},{:.1}", x(at), y(value(row))));
        points.collect::<Vec<_>>().join(" ")
    };
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\"><rect width=\"100%\" height=\"100%\" fill=\"white\"/><text x=\"{LEFT}\" \
         y=\"18\">{title}</text>"
    );
    for (value, name) in [(0.0, "0"), (mean, "mean"), (3.0 * mean, "3 × mean")] {
        let at = y(value);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#bbb\"/><text x=\"{}\" \
             y=\"{:.1}\" text-anchor=\"end\">{name}</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
    for hour in (0..=24).step_by(3) {
        let at = LEFT + (WIDTH - LEFT - 10.0) * f64::from(hour) / 24.0;
        let _ = writeln!(svg, "<text x=\"{at:.1}\" y=\"{:.1}\">{hour} h</text>", HEIGHT - BOTTOM + 18.0);
    }
    let highest = line(&|(_, highest)| *highest);
    let means = line(&|(mean, _)| *mean);
    let _ = writeln!(svg, "<polyline fill=\"none\" stroke=\"#d66\" points=\"{highest}\"/>");
    let _ = writeln!(svg, "<polyline fill=\"none\" stroke=\"#236\" points=\"{means}\"/></svg>");
    svg
}
