//! A table of what packet loss does to clusters of 32 and 128 nodes.
//!
//! For several loss rates: how often a live member is declared failed, and how long it takes until all
//! know of a crash. Run it with `cargo run --release -p serfer-sim --example loss`. An argument sets
//! the seed. The README has what it prints, and explains it. With `rtt` after the seed, the table compares
//! whole probe timeouts with those that follow round trips.

mod measure;

use std::time::Duration;

use measure::{Measured, Setting, Streams, measure, median, sort};

const WATCHED: Duration = Duration::from_secs(5 * 60);
const CRASHES: usize = 9;

/// How many seeds the comparison of probe timeouts has.
const SEEDS: u64 = 5;

#[expect(clippy::print_stdout, reason = "the example prints a table")]
fn main() {
    let seed = std::env::args().nth(1).map_or(1, |it| it.parse().expect("a seed is a number"));
    if std::env::args().nth(2).is_some_and(|it| it == "rtt") {
        return compare_timeouts(seed);
    }
    let minutes = WATCHED.as_secs() / 60;
    println!("seed {seed}, default LAN configuration, 1 to 5 ms each way");
    println!(
        "false: members that declared a living one failed, each time counted, in {minutes} min"
    );
    println!(
        "median, max: after how long all knew of a crash, of {CRASHES} crashes; -: not within 120 s\n"
    );
    println!("             datagrams and segments lost      only datagrams lost");
    println!("nodes  loss    false     median        max    false     median        max");
    for nodes in [32, 128] {
        for tenths in 0..=8 {
            let cell = |streams| {
                let loss = f64::from(tenths) / 10.0;
                columns(&measure(&setting(seed, nodes, loss, streams, false)))
            };
            let (lossy, intact) = (cell(Streams::Lossy), cell(Streams::Intact));
            println!("{nodes:>5}  {:>3}%{lossy}{intact}", tenths * 10);
        }
    }
}

fn setting(seed: u64, nodes: usize, loss: f64, streams: Streams, rtt_probing: bool) -> Setting {
    Setting { seed, nodes, loss, streams, rtt_probing, watched: WATCHED, crashes: CRASHES }
}

/// The table that compares probe timeouts: each row is of several seeds.
#[expect(clippy::print_stdout, reason = "the example prints a table")]
fn compare_timeouts(seed: u64) {
    println!("seeds {seed} to {}, default LAN configuration, 1 to 5 ms each way", seed + SEEDS - 1);
    println!("false: as above, in {} times 10 min; {} crashes", SEEDS, SEEDS * 16);
    println!(
        "suspected: after how long the first suspected it, median; known: to all, median, max\n"
    );
    println!("             whole timeouts                        timeouts that follow round trips");
    println!(
        "nodes  loss    false  suspected    known      max    false  suspected    known      max"
    );
    for nodes in [32, 128] {
        for hundredths in [0, 5, 10, 20, 30] {
            let loss = f64::from(hundredths) / 100.0;
            let [whole, following] = [false, true].map(|rtt_probing| {
                compared(&Setting {
                    watched: 2 * WATCHED,
                    crashes: 16,
                    ..setting(seed, nodes, loss, Streams::Lossy, rtt_probing)
                })
            });
            println!("{nodes:>5}  {hundredths:>3}%{whole}{following}");
        }
    }
}

/// One cell of that table.
fn compared(setting: &Setting) -> String {
    let (mut suspected, mut noticed, mut false_failures) = (Vec::new(), Vec::new(), 0);
    for seed in setting.seed..setting.seed + SEEDS {
        let measured = measure(&Setting { seed, ..*setting });
        suspected.extend(measured.suspected);
        noticed.extend(measured.noticed);
        false_failures += measured.false_failures;
    }
    sort(&mut suspected);
    sort(&mut noticed);
    let secs = |time: Option<Duration>| time.map_or(f64::NAN, |time| time.as_secs_f64());
    let [first, half] = [median(&suspected), median(&noticed)].map(secs);
    let last = secs(noticed[noticed.len() - 1]);
    format!("{false_failures:>9}{first:>9.1} s{half:>7.1} s{last:>7.1} s")
}

fn columns(measured: &Measured) -> String {
    let time = |time: Option<Duration>| {
        time.map_or_else(|| "-".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()))
    };
    let (median, max) = (time(measured.median()), time(measured.max()));
    format!("{:>9}{median:>11}{max:>11}", measured.false_failures)
}
