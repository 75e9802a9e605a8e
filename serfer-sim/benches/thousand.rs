//! A thousand nodes: how long they take to find each other, and what a minute of them costs.
//!
//! All of them join one seed at once. It accepts 128 streams and refuses the rest, whose seed keepers
//! try again. Then one minute of the cluster is simulated in which nothing happens. What is bounded is
//! simulated time for the first and real time, on one core, for the second. Run it with
//! `cargo bench -p serfer-sim`: it fails if a bound is broken.
//!
//! Only what is measured may look at the clock; what happens in the simulation may not.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serfer_proto::Stats;
use serfer_sim::{Config, Sim};

const SEED: u64 = 1;
const NODES: usize = 1000;

/// In simulated time, until all but one in ten thousand of those that could know each other do.
///
/// The seed hands on what it knows at 3 packets a tick, and so do all that it has reached: a thousand
/// new members, 16 times each, are 270 packets.
const NEARLY_CONVERGED_WITHIN: Duration = Duration::from_secs(60);

/// In simulated time, until all do. Gossip misses one in ten million, and push/pulls, one in three
/// minutes in a cluster of this size, mend that.
const CONVERGED_WITHIN: Duration = Duration::from_secs(6 * 60);

/// What is simulated of the converged cluster.
const MINUTE: Duration = Duration::from_secs(60);

/// In real time, how long that may take.
const MINUTE_WITHIN: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|argument| argument == "--bench") && !bench() {
        println!("a bound is broken");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Tells whether the bounds hold.
fn bench() -> bool {
    let ms = Duration::from_millis;
    let mut sim = Sim::new(SEED);
    sim.discard_events();
    sim.network().latency(ms(1)..ms(5));
    println!("{NODES} nodes, seed {SEED}, default LAN configuration, 1 to 5 ms each way\n");
    println!("{:22}{:>12}{:>14}{:>10}", "", "simulated", "at most", "real");

    let began = now();
    let ids = sim.many(Config::lan, NODES);
    ids[1..].iter().for_each(|&id| sim.join(id, &[ids[0]]));
    let pairs = (NODES * NODES) as u64;
    let nearly = reach(&mut sim, pairs - pairs / 10_000, NEARLY_CONVERGED_WITHIN);
    print_row("nearly all know all", nearly, NEARLY_CONVERGED_WITHIN, began.elapsed());
    let all = reach(&mut sim, pairs, CONVERGED_WITHIN);
    print_row("all know all", all, CONVERGED_WITHIN, began.elapsed());

    let sent_before = sum(&sim, |stats| stats.datagrams_sent);
    let began = now();
    sim.run_for(MINUTE);
    let took = began.elapsed();
    let sent = sum(&sim, |stats| stats.datagrams_sent) - sent_before;
    println!("\n{:22}{:>12}{:>14}", "", "real", "at most");
    let at_most = MINUTE_WITHIN.as_secs();
    println!("{:22}{:>10.1} s{at_most:>12} s", "a minute of it", took.as_secs_f64());
    println!("\n{} joins were tried again;", sum(&sim, |stats| stats.seed_retries));
    println!("{sent} datagrams were sent in that minute.");
    nearly.is_some() && all.is_some() && sim.converged() && took <= MINUTE_WITHIN
}

/// Runs until so many members are known, everybody's counted; says when that was since the beginning.
fn reach(sim: &mut Sim, known: u64, max: Duration) -> Option<Duration> {
    while sum(sim, |stats| stats.members_alive as u64) < known {
        if sim.elapsed() >= max {
            return None;
        }
        sim.run_for(Duration::from_millis(100));
    }
    Some(sim.elapsed())
}

fn print_row(what: &str, took: Option<Duration>, max: Duration, real: Duration) {
    let took = took.map_or_else(|| "-".to_owned(), |took| format!("{:.1} s", took.as_secs_f64()));
    println!("{what:22}{took:>12}{:>12} s{:>8.1} s", max.as_secs(), real.as_secs_f64());
}

fn sum(sim: &Sim, counter: impl Fn(&Stats) -> u64) -> u64 {
    sim.running().filter_map(|id| sim.endpoint(id)).map(|it| counter(&it.stats())).sum()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
