//! How the cost of a fresh alive message grows with the number of members, as a picture.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::results::Results;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 50.0;
const COLORS: [(&str, &str); 4] =
    [("serfer", "#c0392b"), ("al8n", "#2471a3"), ("foca", "#7d3c98"), ("Go memberlist", "#117a65")];
const SIZES: [f64; 3] = [1e3, 1e4, 1e5];
/// Nanoseconds at the bottom and at the top.
const RANGE: [f64; 2] = [1e2, 1e6];

pub fn write(root: &Path, results: &Results) {
    let x = |members: f64| LEFT + (members / SIZES[0]).log10() / 2.0 * (WIDTH - LEFT - RIGHT);
    let decades = (RANGE[1] / RANGE[0]).log10();
    let y = |ns: f64| {
        let part = (ns.clamp(RANGE[0], RANGE[1]) / RANGE[0]).log10() / decades;
        HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"18\">A fresh alive message, by members of the cluster</text>\n"
    );
    for (label, ns) in
        [("100 ns", 1e2), ("1 µs", 1e3), ("10 µs", 1e4), ("100 µs", 1e5), ("1 ms", 1e6)]
    {
        let (y, end) = (y(ns), WIDTH - RIGHT);
        writeln!(svg, "<path d=\"M{LEFT} {y:.1}H{end}\" stroke=\"#ddd\"/>").expect("it is text");
        let y = y + 4.0;
        writeln!(svg, "<text x=\"{}\" y=\"{y:.1}\" text-anchor=\"end\">{label}</text>", LEFT - 6.0)
            .expect("it is text");
    }
    for (label, members) in [("1,000", 1e3), ("10,000", 1e4), ("100,000", 1e5)] {
        let y = HEIGHT - BOTTOM + 20.0;
        writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{y}\" text-anchor=\"middle\">{label}</text>",
            x(members)
        )
        .expect("it is text");
    }
    for (system, color) in COLORS {
        let points: Vec<(f64, f64)> = SIZES
            .iter()
            .filter_map(|&size| {
                Some((x(size), y(results.get(system, "fresh", &format!("n={size}"), "ns")?)))
            })
            .collect();
        let Some(&(last_x, last_y)) = points.last() else { continue };
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        writeln!(
            svg,
            "<path d=\"M{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>",
            path.join("L")
        )
        .expect("it is text");
        for (x, y) in &points {
            writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{color}\"/>")
                .expect("it is text");
        }
        let (x, y) = (last_x + 8.0, last_y + 4.0);
        writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"{color}\">{system}</text>")
            .expect("it is text");
    }
    svg += "</svg>\n";
    fs::write(root.join("docs/performance.svg"), svg).expect("the picture can be written");
}
