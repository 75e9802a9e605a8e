//! Builds the programs of all systems, runs them in turns on one core, prints what they measured, and
//! writes it into `docs/performance.md`. See `../README.md`.

mod agent;
mod plot;
mod report;
mod results;
mod rows;
mod systems;

use std::path::Path;
use std::process::ExitCode;

use results::Results;
use rows::{LIVE, MICRO};
use systems::{CORE, SYSTEMS, System};

/// What the command line says.
struct Options {
    /// Only these works; none means all.
    only: Vec<String>,
    is_quick: bool,
    rounds: usize,
    /// Whether the document is written.
    writes: bool,
    /// Whether nothing is measured, only written again.
    is_report: bool,
}

fn main() -> ExitCode {
    if cfg!(debug_assertions) {
        eprintln!("debug builds measure nothing: cargo run --release");
        return ExitCode::from(2);
    }
    let Some(options) = options(std::env::args().skip(1)) else {
        eprintln!(
            "usage: cargo run --release -- [--quick] [--rounds N] [--only WORK]... [--write] [--report]"
        );
        eprintln!("works: {} {}", MICRO.join(" "), LIVE.join(" "));
        return ExitCode::from(2);
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut results = Results::load(&root);
    if !options.is_report {
        measure(&options, &root, &mut results);
    }
    let report = report::table(&results);
    println!("\n{report}");
    if options.writes || options.is_report {
        report::write(&root, &report, &results);
        plot::write(&root, &results);
    }
    ExitCode::SUCCESS
}

fn options(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    let mut options =
        Options { only: Vec::new(), is_quick: false, rounds: 5, writes: true, is_report: false };
    let mut asks_to_write = false;
    while let Some(argument) = arguments.next() {
        match &*argument {
            "--quick" => options.is_quick = true,
            "--write" => asks_to_write = true,
            "--report" => options.is_report = true,
            "--rounds" => options.rounds = arguments.next()?.parse().ok().filter(|&it| it > 0)?,
            "--only" => {
                let work = arguments.next()?;
                let is_known = MICRO.iter().chain(&LIVE).any(|known| *known == work);
                options.only.push(Some(work).filter(|_| is_known)?);
            }
            _ => return None,
        }
    }
    // A part of it is only for who looks at it.
    options.writes = asks_to_write || (options.only.is_empty() && !options.is_quick);
    if options.is_quick {
        options.rounds = 1;
    }
    Some(options)
}

fn measure(options: &Options, root: &Path, results: &mut Results) {
    let programs: Vec<(&System, Result<_, String>)> =
        SYSTEMS.iter().map(|system| (system, system.build(root))).collect();
    for (system, built) in &programs {
        if let Err(why) = built {
            println!("{}: not built: {why}", system.name);
        }
    }
    let is_wanted =
        |work: &&&str| options.only.is_empty() || options.only.iter().any(|it| it == **work);
    // Clusters take minutes, and measure something that lasts.
    let live_rounds = options.rounds.div_ceil(3);
    let live: &[&str] = if options.is_quick && options.only.is_empty() { &[] } else { &LIVE };
    for (works, rounds) in [(&MICRO[..], options.rounds), (live, live_rounds)] {
        let works: Vec<&str> = works.iter().filter(is_wanted).copied().collect();
        works.iter().for_each(|work| results.forget(work));
        for round in 1..=rounds {
            for work in &works {
                for (system, built) in programs.iter().filter(|(system, _)| system.does(work)) {
                    println!("── round {round} of {rounds}, {work}: {}, core {CORE}", system.name);
                    let said =
                        built.as_ref().map_err(Clone::clone).and_then(|it| system.run(it, work));
                    results.take(system.name, work, said);
                }
                if *work == "agent" {
                    results.take("serf agent", work, agent::measure());
                }
                // Whoever stops it keeps what there is.
                results.store(root);
            }
        }
    }
}
