//! Instructions that the hot paths take, against those that are written down in `baseline.txt`.
//!
//! `cargo bench -p serfer-proto --bench scale -- --compare` fails if one has grown by more than 3 %;
//! `-- --record` writes down how many there are now. Instructions are counted in a cluster of 1,000. They are
//! the same in each run and hardly differ between machines, but another compiler makes other
//! code: then the rows are printed, and nothing fails.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::counts::{What, finish, start};
use crate::push_pull;
use crate::rows::ROWS;

const MEMBERS: usize = 1_000;
/// By how much more of them an operation fails, and by how much fewer it is to be recorded.
const TOLERANCE: f64 = 0.03;
const RECORD: &str = "cargo bench -p serfer-proto --bench scale -- --record";

type Counts = Vec<(String, u64)>;

/// Compares what is counted now with the baseline.
pub(crate) fn compare() -> ExitCode {
    let Some(counts) = count() else {
        return without_valgrind();
    };
    let recorded = std::fs::read_to_string(path()).unwrap_or_default();
    let (compiler, recorded) = parse(&recorded);
    let is_same_compiler = compiler == self::compiler();
    println!("instructions per operation among {MEMBERS} members: now, recorded, change");
    let (mut grown, mut fallen) = (0, 0);
    for (name, now) in &counts {
        let before =
            recorded.iter().find(|(recorded, _)| recorded == name).map(|&(_, count)| count);
        let change = before.map_or(f64::INFINITY, |before| *now as f64 / before as f64 - 1.0);
        let before = before.map_or_else(|| "-".to_owned(), |before| before.to_string());
        let mark = match change {
            _ if change > TOLERANCE => "  grown",
            _ if change < -TOLERANCE => "  fallen",
            _ => "",
        };
        grown += usize::from(change > TOLERANCE);
        fallen += usize::from(change < -TOLERANCE);
        println!("{name:30}{now:>12}{before:>12}{:>8.1} %{mark}", 100.0 * change);
    }
    if !is_same_compiler {
        println!("recorded with {compiler}, counted with {}: not judged", self::compiler());
    } else if grown > 0 {
        println!("{grown} have grown by more than 3 %. If that has to be: {RECORD}");
        return ExitCode::FAILURE;
    }
    if fallen > 0 {
        println!("{fallen} have fallen by more than 3 %, which is to record, to keep it: {RECORD}");
    }
    ExitCode::SUCCESS
}

/// Writes the baseline anew.
pub(crate) fn record() -> ExitCode {
    let Some(counts) = count() else {
        return without_valgrind();
    };
    let mut text = format!("# instructions per operation, {MEMBERS} members; {RECORD}\n");
    text += &format!("compiler\t{}\n", compiler());
    for (name, count) in counts {
        text += &format!("{name}\t{count}\n");
    }
    std::fs::write(path(), &text).expect("the baseline can be written");
    print!("{text}");
    ExitCode::SUCCESS
}

/// Only where everything has to be there is that a failure.
fn without_valgrind() -> ExitCode {
    println!("skipped: valgrind, which counts instructions, is not there");
    let is_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    if is_ci { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn count() -> Option<Counts> {
    let rows = start(What::Rows, MEMBERS);
    let push_pulls = start(What::PushPulls, MEMBERS)?;
    let rows = finish(What::Rows, rows?);
    let push_pulls = finish(What::PushPulls, push_pulls);
    let names = ROWS.iter().map(|row| row.name);
    let names = names.chain(push_pull::COUNTED.map(|(name, _)| name));
    let counts = rows.iter().chain(&push_pulls).map(|count| count.round() as u64);
    Some(names.map(str::to_owned).zip(counts).collect())
}

/// The compiler that it was recorded with, and the rows.
fn parse(text: &str) -> (&str, Counts) {
    let rows = || text.lines().filter_map(|line| line.split_once('\t'));
    let compiler = rows().find(|(name, _)| *name == "compiler").map_or("none", |(_, value)| value);
    let counts = rows().filter_map(|(name, count)| Some((name.to_owned(), count.parse().ok()?)));
    (compiler, counts.collect())
}

fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(rustc).arg("--version").output();
    let said = said.map_or_else(|_| "none".into(), |said| said.stdout);
    format!("{} {}", String::from_utf8_lossy(&said).trim(), std::env::consts::ARCH)
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scale/baseline.txt")
}
