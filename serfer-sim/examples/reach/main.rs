//! A table of how surely and how soon news reaches everybody.
//!
//! For clusters of several sizes, with and without loss, with the library's defaults and with Go's timing:
//! in how many rounds some member missed a query or had a user event later than 1 s, how many datagrams a
//! round takes, and how long a burst of joins takes until everybody knows everybody.
//!
//! Run it with `cargo run --release -p serfer-sim --example reach`. What it measures can be chosen with
//! arguments (`timing` is `go`, `ours`, `once`: without asking again, or `mixed`), for example `rounds=10000 runs=100 nodes=5,200 loss=0,0.05 preset=lan timing=ours seed=7`.
//! With `spread` as an argument, it tells how soon user events reach half of the nodes, 99 % and 99.9 %, and
//! what they cost each node.

mod clusters;
mod joins;
mod rounds;
mod spread;

use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use clusters::{Preset, Setting, Timing};
use rounds::{News, Rounds};

/// What is measured.
struct Options {
    seed: u64,
    rounds: u32,
    runs: u64,
    nodes: Vec<usize>,
    joins: Vec<usize>,
    losses: Vec<f64>,
    presets: Vec<Preset>,
    timings: Vec<Timing>,
    threads: usize,
    spread: bool,
}

fn main() {
    let options = Options::from_args();
    let settings = |sizes: &[usize]| {
        let mut settings = Vec::new();
        for &loss in &options.losses {
            for &preset in &options.presets {
                for &nodes in sizes {
                    for &timing in &options.timings {
                        settings.push(Setting { seed: options.seed, nodes, preset, timing, loss });
                    }
                }
            }
        }
        settings
    };
    let (seed, rounds, runs) = (options.seed, options.rounds, options.runs);
    if options.spread {
        return print_spread(options.threads, &settings(&options.nodes), rounds);
    }
    print(&format!("seed {seed}, {rounds} rounds each, {runs} runs each, 1 ms each way\n"));
    print("missed: rounds in which some member missed the query, or had the event later than 1 s");
    print("unanswered: rounds in which the reply of somebody is missing");
    print("last: when the last member had it, in half of the rounds, in 99 %, in all\n");
    if rounds > 0 {
        print(
            "                             queries                                                    user events",
        );
        print(
            "preset nodes loss timing      missed unanswered datagrams  last ms                    missed datagrams  last ms",
        );
        each(options.threads, &settings(&options.nodes), |setting| {
            let query = rounds::measure(setting, News::Query, rounds);
            let event = rounds::measure(setting, News::UserEvent, rounds);
            let unanswered = query.unanswered;
            let (query, event) = (Columns(&query), Columns(&event));
            format!(
                "{} {:>8} {unanswered:>10} {} {:>10} {}",
                head(setting),
                query.0.missed,
                query.times(),
                event.0.missed,
                event.times()
            )
        });
    }
    if runs > 0 {
        print("\nbursts of joins, until everybody knows everybody: s in half of the runs, in all");
        print("preset nodes loss timing   over 1 s    half     all");
        let sizes: Vec<usize> = options.joins.iter().map(|joining| joining + 1).collect();
        each(options.threads, &settings(&sizes), |setting| {
            let times = joins::measure(setting, runs);
            let is_late = |time: &&Option<Duration>| time.is_none_or(|it| it > rounds::IN_TIME);
            let late = times.iter().filter(is_late).count();
            let secs = |time: Option<Duration>| {
                time.map_or_else(|| "-".to_owned(), |it| format!("{:.2}", it.as_secs_f64()))
            };
            let (half, all) = (times[times.len() / 2], times[times.len() - 1]);
            format!("{} {late:>10} {:>7} {:>7}", head(setting), secs(half), secs(all))
        });
    }
}

/// The table of how events spread.
fn print_spread(threads: usize, settings: &[Setting], rounds: u32) {
    print(&format!("{rounds} user events each, 1 ms each way, 10 s each\n"));
    print(
        "ms until half of the nodes, 99 %, 99.9 % had it, in half of the rounds; -: not within 10 s",
    );
    print("missed: how many nodes did not get an event within 10 s, of all events together");
    print(
        "datagrams, bytes: what an event costs each node, besides what it sends in 10 s without news\n",
    );
    print(
        "preset nodes loss timing       50 %     99 %   99.9 %   missed datagrams    bytes  quiet: datagrams    bytes",
    );
    each(threads, settings, |setting| {
        let spread = spread::measure(setting, rounds);
        let ms = |part| {
            spread.time(part).map_or_else(|| "-".to_owned(), |it| it.as_millis().to_string())
        };
        let (half, most, all) = (ms(0.5), ms(0.99), ms(0.999));
        let (missed, each, quiet) = (spread.missed(), spread.each, spread.quiet);
        format!(
            "{} {half:>8} {most:>8} {all:>8} {missed:>8} {:>9.2} {:>8.0} {:>17.2} {:>8.0}",
            head(setting),
            each.datagrams,
            each.bytes,
            quiet.datagrams,
            quiet.bytes
        )
    });
}

impl Options {
    fn from_args() -> Self {
        let mut options = Self {
            seed: 1,
            rounds: 200,
            runs: 20,
            nodes: vec![5, 8, 50, 200],
            joins: vec![8, 50, 99],
            losses: vec![0.0, 0.05],
            presets: vec![Preset::Lan, Preset::Local],
            timings: vec![Timing::Go, Timing::Ours],
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            spread: false,
        };
        for arg in std::env::args().skip(1) {
            if arg == "spread" {
                options.spread = true;
                continue;
            }
            let (key, value) = arg.split_once('=').unwrap_or_else(|| panic!("write {arg}=…"));
            match key {
                "seed" => options.seed = parse(value),
                "rounds" => options.rounds = parse(value),
                "runs" => options.runs = parse(value),
                "nodes" => options.nodes = list(value),
                "joins" => options.joins = list(value),
                "loss" => options.losses = list(value),
                "preset" => options.presets = list(value),
                "timing" => options.timings = list(value),
                "threads" => options.threads = parse(value),
                _ => panic!("there is no option {key}"),
            }
        }
        options
    }
}

fn parse<T: FromStr>(value: &str) -> T {
    value.parse().unwrap_or_else(|_| panic!("`{value}` is not valid"))
}

fn list<T: FromStr>(values: &str) -> Vec<T> {
    values.split(',').map(parse).collect()
}

impl FromStr for Preset {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "lan" => Ok(Self::Lan),
            "local" => Ok(Self::Local),
            _ => Err(()),
        }
    }
}

impl FromStr for Timing {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "go" => Ok(Self::Go),
            "ours" => Ok(Self::Ours),
            "once" => Ok(Self::Once),
            "mixed" => Ok(Self::Mixed),
            _ => Err(()),
        }
    }
}

/// Makes a line of each setting, on several threads, and prints the lines in their order.
fn each(threads: usize, settings: &[Setting], line: impl Fn(&Setting) -> String + Sync) {
    let lines = Mutex::new((0, vec![None; settings.len()], 0));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(settings.len()) {
            scope.spawn(|| {
                loop {
                    let next = {
                        let mut lines = lines.lock().expect("no thread panics");
                        lines.0 += 1;
                        lines.0 - 1
                    };
                    let Some(setting) = settings.get(next) else { return };
                    let text = line(setting);
                    let mut lines = lines.lock().expect("no thread panics");
                    lines.1[next] = Some(text);
                    while let Some(text) = lines.1.get(lines.2).cloned().flatten() {
                        print(&text);
                        lines.2 += 1;
                    }
                }
            });
        }
    });
}

fn head(setting: &Setting) -> String {
    let Setting { nodes, preset, timing, loss, .. } = setting;
    let (preset, timing) =
        (format!("{preset:?}").to_lowercase(), format!("{timing:?}").to_lowercase());
    format!("{preset:<6} {nodes:>5} {:>3.0}% {timing:<6}", loss * 100.0)
}

/// Some rounds, as columns of the table.
struct Columns<'a>(&'a Rounds);

impl Columns<'_> {
    fn times(&self) -> String {
        let ms = |part| match self.0.quantile(part) {
            Some(time) => format!("{}", time.as_millis()),
            None => "-".to_owned(),
        };
        format!("{:>9.1} {:>8} {:>8} {:>8}", self.0.datagrams, ms(0.5), ms(0.99), ms(1.0))
    }
}

#[expect(clippy::print_stdout, reason = "the example prints a table")]
fn print(line: &str) {
    println!("{line}");
}
