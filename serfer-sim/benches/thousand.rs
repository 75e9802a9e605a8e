//! How long a thousand nodes take to find each other, and what a minute of them costs.
//!
//! All nodes join one seed at once. It accepts 128 streams and refuses the rest, which retry the seed.
//! Then one idle minute of the cluster is simulated. The first part has a bound in simulated time, the
//! second in real time, on one core. Run it with `cargo bench -p serfer-sim`. It fails if a bound is
//! broken.
//!
//! Only the measurement reads the clock. The simulation never does.
#![expect(clippy::print_stdout, reason = "the benchmark prints a table")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serfer_proto::Stats;
use serfer_sim::{Config, Sim};

const SEED: u64 = 1;
const NODES: usize = 1000;

/// In simulated time, until all but one in ten thousand pairs of nodes know each other.
///
/// The seed gossips 3 packets a tick, and so do all nodes that it has reached. A thousand new members,
/// sent 16 times each, are 270 packets.
const NEARLY_CONVERGED_WITHIN: Duration = Duration::from_secs(60);

/// In simulated time, until all pairs do. Gossip misses one in ten million, and push/pulls repair
/// this: there is one every three minutes in a cluster of this size.
const CONVERGED_WITHIN: Duration = Duration::from_secs(6 * 60);

/// How long the converged cluster is simulated.
const MINUTE: Duration = Duration::from_secs(60);

/// In real time, how long this may take.
const MINUTE_WITHIN: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    // `cargo test --benches` only checks that it builds.
    if std::env::args().any(|argument| argument == "--bench") && !bench() {
        println!("a bound is broken");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Runs the benchmark. Returns whether the bounds hold.
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

/// Runs until the nodes together list this many live members. Returns when that was, since the
/// beginning.
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
