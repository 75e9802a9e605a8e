//! What idle nodes cost: time, wake-ups and memory of many full nodes in one process, with the LAN preset.
//!
//! ```text
//! cargo bench -p serfer-tests --bench idle -- [tokio|smol] [own|shared|application] [NODES] [SECONDS]
//! ```
//!
//! They start one after another, and are measured from when each knows all. A table has a line for each run;
//! give another number of nodes to see whether it grows.
#![expect(clippy::print_stdout, reason = "it says what it measures")]

use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serfer_tokio::{Builder, Config, NodeThread, Runtime, Serfer, Tokio};

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let is_bench = args.iter().any(|arg| arg == "--bench");
    args.retain(|arg| !arg.starts_with("--"));
    let word =
        |at: usize, default: &str| args.get(at).cloned().unwrap_or_else(|| default.to_owned());
    let (runtime, place) = (word(0, "tokio"), word(1, "own"));
    let number = |at: usize, bench: u32| {
        let default = if is_bench { bench } else { 2 };
        args.get(at).map_or(Ok(default), |text| text.parse())
    };
    let (Ok(nodes), Ok(seconds)) = (number(2, 100), number(3, 30)) else {
        println!("nodes and seconds are numbers");
        return ExitCode::FAILURE;
    };
    println!("runtime thread nodes  all see all  CPU-s/node/min  switches/node/s  kB/node");
    let run = Run { runtime: &runtime, place: &place, nodes, seconds };
    match runtime.as_str() {
        "tokio" => {
            let own = tokio::runtime::Builder::new_current_thread().enable_all().build();
            own.expect("nothing hinders it")
                .block_on(async { run.measure(Tokio::current()).await });
        }
        "smol" => smol::block_on(run.measure(serfer_smol::Smol::global())),
        other => {
            println!("{other} is neither tokio nor smol");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

struct Run<'a> {
    runtime: &'a str,
    place: &'a str,
    nodes: u32,
    seconds: u32,
}

impl Run<'_> {
    async fn measure<R: Runtime>(&self, runtime: R) {
        let before = Used::now();
        let begin = Instant::now();
        let nodes = self.start(&runtime).await;
        while nodes.iter().any(|node| node.stats().members_alive < nodes.len()) {
            runtime.sleep_until(Instant::now() + Duration::from_millis(50)).await;
        }
        let all_see_all = begin.elapsed().as_secs_f64();
        // What news there is has to settle.
        let settled = if self.seconds > 5 { 10 } else { 1 };
        runtime.sleep_until(Instant::now() + Duration::from_secs(settled)).await;
        let settled = Used::now();
        runtime.sleep_until(Instant::now() + Duration::from_secs(self.seconds.into())).await;
        let after = Used::now();
        let (count, seconds) = (f64::from(self.nodes), f64::from(self.seconds));
        println!(
            "{:<7} {:<6} {:>5} {:>10.1} s {:>15.4} {:>16.2} {:>8.0}",
            self.runtime,
            self.place,
            self.nodes,
            all_see_all,
            (after.cpu - settled.cpu) / count / seconds * 60.0,
            (after.switches - settled.switches) / count / seconds,
            (after.resident - before.resident) / count,
        );
    }

    async fn start<R: Runtime>(&self, runtime: &R) -> Vec<Serfer> {
        let thread = NodeThread::new(runtime).expect("nothing hinders it");
        let mut nodes: Vec<Serfer> = Vec::new();
        for number in 0..self.nodes {
            let config = Config::lan(format!("node-{number:06}"));
            let config = config.tag("tag", "t".repeat(60)).expect("it is short");
            let mut builder = Builder::new(runtime.clone(), config).bind("127.0.0.1:0");
            if let Some(first) = nodes.first() {
                builder = builder.join([first.local_addr().to_string()]);
            }
            builder = match self.place {
                "shared" => builder.on_thread(&thread),
                "application" => builder.on_application_runtime(),
                _ => builder,
            };
            nodes.push(builder.start().await.expect("nothing hinders it"));
        }
        nodes
    }
}

/// What this process has used.
struct Used {
    /// Seconds of processor time of its threads.
    cpu: f64,
    /// How often one of them has gone to sleep.
    switches: f64,
    /// kB of memory.
    resident: f64,
}

impl Used {
    fn now() -> Self {
        let (mut cpu, mut switches) = (0.0, 0.0);
        for task in fs::read_dir("/proc/self/task").expect("this is Linux").flatten() {
            let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
            let schedstat = read("schedstat");
            cpu += schedstat.split(' ').next().map_or(0.0, number) / 1e9;
            switches += field(&read("status"), "voluntary_ctxt_switches:");
        }
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self { cpu, switches, resident: field(&status, "VmRSS:") }
    }
}

fn field(text: &str, name: &str) -> f64 {
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    value.and_then(|value| value.split_whitespace().next()).map_or(0.0, number)
}

fn number(text: &str) -> f64 {
    text.trim().parse().unwrap_or_default()
}
