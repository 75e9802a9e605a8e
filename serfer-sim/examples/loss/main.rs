//! A table of what packet loss does to clusters of 32 and 128 nodes.
//!
//! For several loss rates: how often a live member is declared failed, and how long it takes until all
//! know of a crash. Run it with `cargo run --release -p serfer-sim --example loss`. An argument sets
//! the seed. The README has what it prints, and explains it. With `rtt` after the seed, the table compares
//! whole probe timeouts with those that follow round trips; with `timing`, Go's timing of gossip with ours.

mod measure;

use std::time::Duration;

use measure::{Measured, Setting, Streams, measure, median, sort};

const WATCHED: Duration = Duration::from_secs(5 * 60);
const CRASHES: usize = 9;

/// How many seeds a comparison has.
const SEEDS: u64 = 5;

#[expect(clippy::print_stdout, reason = "the example prints a table")]
fn main() {
    let seed = std::env::args().nth(1).map_or(1, |it| it.parse().expect("a seed is a number"));
    match std::env::args().nth(2).as_deref() {
        Some("rtt") => return compare(seed, &TIMEOUTS),
        Some("timing") => return compare(seed, &TIMING),
        _ => {}
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
                columns(&measure(&Setting { streams, ..setting(seed, nodes, loss) }))
            };
            let (lossy, intact) = (cell(Streams::Lossy), cell(Streams::Intact));
            println!("{nodes:>5}  {:>3}%{lossy}{intact}", tenths * 10);
        }
    }
}

fn setting(seed: u64, nodes: usize, loss: f64) -> Setting {
    let (streams, rtt_probing, is_prompt) = (Streams::Lossy, false, true);
    Setting {
        seed,
        nodes,
        loss,
        streams,
        rtt_probing,
        is_prompt,
        watched: WATCHED,
        crashes: CRASHES,
    }
}

/// Two configurations, compared.
struct Comparison {
    names: [&'static str; 2],
    /// Loss rates in per cent.
    losses: [u32; 5],
    change: [fn(&mut Setting); 2],
}

const TIMEOUTS: Comparison = Comparison {
    names: ["whole timeouts", "timeouts that follow round trips"],
    losses: [0, 5, 10, 20, 30],
    change: [|_| {}, |setting| setting.rtt_probing = true],
};

const TIMING: Comparison = Comparison {
    names: ["Go's timing", "news at once"],
    losses: [0, 10, 30, 50, 60],
    change: [|setting| setting.is_prompt = false, |_| {}],
};

/// The table of a comparison: each row is of several seeds.
#[expect(clippy::print_stdout, reason = "the example prints a table")]
fn compare(seed: u64, Comparison { names, losses, change }: &Comparison) {
    println!("seeds {seed} to {}, default LAN configuration, 1 to 5 ms each way", seed + SEEDS - 1);
    println!("false: as above, in {} times 10 min; {} crashes", SEEDS, SEEDS * 16);
    println!(
        "suspected: after how long the first suspected it, median; known: to all, median, max\n"
    );
    println!("             {:<39}{}", names[0], names[1]);
    println!(
        "nodes  loss    false  suspected    known      max    false  suspected    known      max"
    );
    for nodes in [32, 128] {
        for &percent in losses {
            let [one, other] = change.map(|change| {
                let mut setting = setting(seed, nodes, f64::from(percent) / 100.0);
                (setting.watched, setting.crashes) = (2 * WATCHED, 16);
                change(&mut setting);
                compared(&setting)
            });
            println!("{nodes:>5}  {percent:>3}%{one}{other}");
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
