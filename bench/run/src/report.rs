//! The table, as Markdown.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::results::Results;
use crate::rows::{Goal, ROWS, Row, Unit};
use crate::systems::SYSTEMS;

const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";
const OURS: &str = "serfer";
const AGENT: &str = "serf agent";

/// Of each row the medians, the spread of ours, and whether the goal is reached.
pub fn table(results: &Results) -> String {
    let mut peers: Vec<&str> = SYSTEMS.iter().map(|system| system.name).collect();
    peers.retain(|&name| name != OURS && name != "bare cipher");
    peers.push(AGENT);
    let mut out = format!("| work | {OURS} | spread | {} | goal |\n", peers.join(" | "));
    out += &"|---".repeat(4 + peers.len());
    out += "|\n";
    for row in &ROWS {
        let value = |system| results.get(system, row.work, row.parameters, row.metric);
        let cell = |value: Option<f64>| value.map_or_else(|| "–".into(), |it| shown(it, row.unit));
        let spread = results.spread(OURS, row.work, row.parameters, row.metric);
        let spread = spread.map_or_else(String::new, |it| format!("{:.0} %", 100.0 * it));
        write!(out, "| {} | {} | {spread} |", row.title, cell(value(OURS))).expect("it is text");
        for &peer in &peers {
            let ratio = value(OURS).zip(value(peer)).map(|(ours, theirs)| ours / theirs);
            let ratio = ratio.filter(|it| it.is_finite() && *it > 0.0);
            let ratio = ratio.map_or_else(String::new, |it| format!(" ({it:.2} ×)"));
            write!(out, " {}{ratio} |", cell(value(peer))).expect("it is text");
        }
        let goals: Vec<String> = row.goals.iter().map(|goal| judged(goal, row, results)).collect();
        writeln!(out, " {} |", goals.join("; ")).expect("it is text");
    }
    out += "\nIn brackets: ours as a part of theirs. Spread: the largest less the smallest of the rounds, as a part of\nthe median. –: that system does not do it, or was not measured:\n\n";
    for (system, work, why) in results.missing() {
        writeln!(out, "* {system}, {work}: {why}").expect("it is text");
    }
    out + "* " + &versions(results)
}

/// A goal, and how it stands.
fn judged(goal: &Goal, row: &Row, results: &Results) -> String {
    let ours = results.get(OURS, row.work, row.parameters, row.metric);
    let of = |system, parameters| results.get(system, row.work, parameters, row.metric);
    let (text, is_reached) = match *goal {
        Goal::Times(times, system) => {
            let ratio = ours.zip(of(system, row.parameters)).map(|(ours, it)| ours / it);
            (format!("≤ {times} × {system}"), ratio.map(|ratio| ratio <= times))
        }
        Goal::TimesOf(times, system, parameters) => {
            let theirs = of(system, parameters);
            let ratio = ours.zip(theirs).map(|(ours, it)| ours / it);
            let which = parameters.split(' ').next().unwrap_or(system);
            let now = ratio.map_or_else(String::new, |ratio| format!(", is {ratio:.2}"));
            (format!("≤ {times} × {which}{now}"), ratio.map(|ratio| ratio <= times))
        }
        Goal::AtMost(most) => (format!("≤ {}", shown(most, row.unit)), ours.map(|it| it <= most)),
        Goal::AtLeast(least) => {
            (format!("≥ {}", shown(least, row.unit)), ours.map(|it| it >= least))
        }
    };
    let mark = match is_reached {
        Some(true) => "reached",
        Some(false) => "**missed**",
        None => "not judged",
    };
    format!("{text}: {mark}")
}

fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Time if value < 1e4 => format!("{value:.0} ns"),
        Unit::Time if value < 1e6 => format!("{:.1} µs", value / 1e3),
        Unit::Time => format!("{:.1} ms", value / 1e6),
        Unit::Of(unit) if value == 0.0 => format!("0{unit}"),
        Unit::Of(unit) if value < 0.1 => format!("{value:.4}{unit}"),
        Unit::Of(unit) if value < 100.0 => format!("{value:.1}{unit}"),
        Unit::Of(unit) => format!("{}{unit}", thousands(value)),
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// On what, and of what.
fn versions(results: &Results) -> String {
    let said = |program: &str, arguments: &[&str]| {
        let said = Command::new(program).args(arguments).output();
        let said = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned());
        said.unwrap_or_default().lines().next().unwrap_or("not installed").trim().to_owned()
    };
    let package = |name| said("dpkg-query", &["--show", "--showformat", "${Version}", name]);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cpu = cpu.map_or("an unknown processor", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut text = format!(
        "Machine: {cores} × {cpu}, Linux {}. {}, {}; Debian's memberlist {}, serf {}; the agent: {}.",
        said("uname", &["-r"]),
        said("rustc", &["--version"]),
        said("go", &["version"]),
        package("golang-github-hashicorp-memberlist-dev"),
        package("golang-github-hashicorp-serf-dev"),
        said("serf", &["version"]),
    );
    let locked = include_str!("../../Cargo.lock");
    for name in ["foca", "aes-gcm", "aws-lc-rs", "tokio"] {
        let version = locked.split("[[package]]").find_map(|package| {
            package
                .trim()
                .strip_prefix(&format!("name = \"{name}\"\nversion = \""))?
                .split('"')
                .next()
        });
        write!(text, " {name} {}.", version.unwrap_or("?")).expect("it is text");
    }
    for (commit, works) in results.commits() {
        write!(text, "\n* Measured at commit {commit}: {}.", works.join(", ")).expect("it is text");
    }
    text + "\n"
}

/// Puts the table between its marks in the document.
pub fn write(root: &Path, table: &str, _: &Results) {
    let path = root.join("docs/performance.md");
    let text =
        fs::read_to_string(&path).unwrap_or_else(|_| format!("# Performance\n\n{BEGIN}\n{END}\n"));
    let (before, rest) =
        text.split_once(BEGIN).expect("the document has a mark where the table begins");
    let (_, after) = rest.split_once(END).expect("the document has a mark where the table ends");
    let text = format!("{before}{BEGIN}\n\n{table}\n{END}{after}");
    fs::write(&path, text).expect("the document can be written");
}
