//! A table of what packet loss does to clusters of 32 and 128 nodes.
//!
//! For several loss rates: how often a live member is declared failed, and how long it takes until all
//! know of a crash. Run it with `cargo run --release -p serfer-sim --example loss`. An argument sets
//! the seed. The README has what it prints, and explains it. With `rtt` after the seed, the table compares
//! whole probe timeouts with those that follow round trips.

mod measure;

use std::time::Duration;

use measure::{Measured, Setting, Streams, measure, median};

const WATCHED: Duration = Duration::from_secs(5 * 60);
const CRASHES: usize = 9;

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

/// The table that compares probe timeouts.
#[expect(clippy::print_stdout, reason = "the example prints a table")]
fn compare_timeouts(seed: u64) {
    println!("seed {seed}; suspected, by the first: median, max; known to all: median, max\n");
    println!(
        "             whole timeouts                                          following round trips"
    );
    println!("nodes  loss    false            suspected                known");
    for nodes in [32, 128] {
        for hundredths in [0, 2, 5, 10, 20, 30] {
            let loss = f64::from(hundredths) / 100.0;
            let [whole, following] = [false, true].map(|rtt_probing| {
                let streams = Streams::Lossy;
                let measured = measure(&setting(seed, nodes, loss, streams, rtt_probing));
                let ms = |time: Option<Duration>| time.map_or(0, |time| time.as_millis());
                let (suspected, noticed) = (&measured.suspected, &measured.noticed);
                let [first, last] = [median(suspected), suspected[suspected.len() - 1]].map(ms);
                let [half, all] = [median(noticed), measured.max()].map(ms);
                format!("{:>9}{first:>8}{last:>8}{half:>8}{all:>8} ms", measured.false_failures)
            });
            println!("{nodes:>5}  {hundredths:>3}%{whole}{following}");
        }
    }
}

fn columns(measured: &Measured) -> String {
    let time = |time: Option<Duration>| {
        time.map_or_else(|| "-".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()))
    };
    let (median, max) = (time(measured.median()), time(measured.max()));
    format!("{:>9}{median:>11}{max:>11}", measured.false_failures)
}
