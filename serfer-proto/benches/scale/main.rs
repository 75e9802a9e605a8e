//! What an operation costs in clusters of 100 to 100,000 members.
//!
//! `cargo bench -p serfer-proto` prints a table, and fails if anything costs noticeably more among
//! 100,000 members than among 100. It does what a runtime does, through the public API: an operation
//! is one call and the draining of all that follows from it. Instructions are the same in every run;
//! time is not, so it has a wide margin: what grows there are misses of the processor's caches.
//! With `--compare` it counts instructions among 1,000 only, and fails if there are more than were
//! written down (`baseline`).
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

mod baseline;
mod counts;
mod crowd;
mod meter;
mod packets;
mod push_pull;
mod rows;

use std::process::ExitCode;

use counts::What;
use crowd::{Crowd, bytes_per_member};
use meter::{Meter, now};
use rows::{ROUND, ROWS, Row};

const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];
/// How much more may be needed among the most members than among the fewest.
const INSTRUCTIONS_RATIO_MAX: f64 = 1.3;
const TIME_RATIO_MAX: f64 = 6.0;

const ROUNDS_TIMED: usize = 30;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [mode, members] if counts::run(mode, members).is_some() => ExitCode::SUCCESS,
        [mode, ..] if mode == "--push-pull" => {
            push_pull::bench();
            ExitCode::SUCCESS
        }
        [mode, ..] if mode == "--compare" => baseline::compare(),
        [mode, ..] if mode == "--record" => baseline::record(),
        arguments if arguments.iter().any(|argument| argument == "--bench") => bench(),
        // `cargo test --benches` only wants to know that it builds.
        _ => ExitCode::SUCCESS,
    }
}

fn bench() -> ExitCode {
    let nanoseconds = SIZES.map(time);
    let instructions = instructions();
    if instructions.is_none() {
        println!("valgrind is not there: instructions are not counted");
    }
    println!("\nInstructions and nanoseconds per operation, by members:\n");
    let sizes = SIZES.map(|size| format!("{size:>16}"));
    println!("{:25}{}{:>19}", "", sizes.concat(), "100,000 : 100");
    let mut holds = true;
    for (at, row) in ROWS.iter().enumerate() {
        let instructions = instructions.as_ref().map(|sizes| sizes.each_ref().map(|row| row[at]));
        holds &= print_row(row.name, instructions, nanoseconds.each_ref().map(|row| row[at]));
    }
    let bytes = bytes_per_member(SIZES[3], now());
    holds &= push_pull::bench();
    println!("\nMemory: {bytes:.0} bytes per member, besides those of its name and tags.");
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tells whether the costs are within the bounds.
fn print_row(name: &str, instructions: Option<[f64; 4]>, nanoseconds: [f64; 4]) -> bool {
    let ratio = |costs: [f64; 4]| costs[3] / costs[0];
    let shown = |cost: Option<f64>, decimals: usize| match cost {
        Some(cost) => format!("{cost:.decimals$}"),
        None => "-".to_owned(),
    };
    let mut line = format!("{name:25}");
    for (at, time) in nanoseconds.iter().enumerate() {
        line += &format!("{:>9}{time:>7.0}", shown(instructions.map(|costs| costs[at]), 0));
    }
    let (count_ratio, time_ratio) = (instructions.map(ratio), ratio(nanoseconds));
    line += &format!("{:>12}{time_ratio:>7.2}", shown(count_ratio, 2));
    let holds = count_ratio.is_none_or(|ratio| ratio <= INSTRUCTIONS_RATIO_MAX)
        && time_ratio <= TIME_RATIO_MAX;
    println!("{line}{}", if holds { "" } else { "  exceeds the bound" });
    holds
}

/// By size, nanoseconds per operation, row by row: of many rounds the fastest, for others run here
/// too.
fn time(members: usize) -> Vec<f64> {
    let mut crowd = Crowd::new(members, now());
    let fastest = |row: &Row| {
        let rounds = (0..ROUNDS_TIMED).map(|_| {
            let mut meter = Meter::default();
            (row.round)(&mut crowd, &mut meter);
            meter.nanoseconds() / ROUND as f64
        });
        rounds.fold(f64::INFINITY, f64::min)
    };
    ROWS.iter().map(fastest).collect()
}

/// By size, instructions per operation, row by row. Needs valgrind.
fn instructions() -> Option<[Vec<f64>; 4]> {
    let [a, b, c, d] = SIZES.map(|size| counts::start(What::Rows, size));
    Some([a?, b?, c?, d?].map(|counting| counts::finish(What::Rows, counting)))
}
