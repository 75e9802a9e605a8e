//! What all programs share: the same inputs, the same ways to measure, the same lines of output.
//!
//! A line is `work<TAB>parameters<TAB>metric<TAB>value`. Metrics: `ns` and `ns-min` (of an operation,
//! median and smallest of 21 batches of at least 10 ms of processor time), `allocs`, and what live
//! works say: `ms`, `cpu-s` and so on.

pub mod allocations;
pub mod data;
pub mod live;
pub mod micro;

/// Refuses debug builds, and calls the function of the work that the arguments name: `WORK`, or all.
pub fn main(works: &[(&str, fn())]) {
    if cfg!(debug_assertions) {
        eprintln!("this is a debug build: what it measures means nothing. Use --release");
        std::process::exit(2);
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    for (name, work) in works {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == name) {
            work();
        }
    }
}

/// Prints a line of output.
pub fn say(work: &str, parameters: &str, metric: &str, value: f64) {
    use std::io::Write as _;
    println!("{work}\t{parameters}\t{metric}\t{value}");
    std::io::stdout().flush().ok();
}

/// Prints why a work is not measured.
pub fn say_missing(work: &str, parameters: &str, why: &str) {
    println!("{work}\t{parameters}\tmissing\t{why}");
}

/// The one in the middle.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
