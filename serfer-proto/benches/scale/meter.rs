//! Two ways to count: by the clock, and by the processor that callgrind plays.
//!
//! callgrind counts instructions only while [`counted`] runs, and writes down how many there were
//! whenever [`end_of_count`] is called. It knows both by their names, so they must not be inlined.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Adds up the time that it takes to do something.
#[derive(Default)]
pub(crate) struct Meter {
    time: Duration,
}

impl Meter {
    /// Does something that is to be counted.
    pub(crate) fn count(&mut self, work: &mut dyn FnMut()) {
        let start = now();
        counted(work);
        self.time += start.elapsed();
    }

    pub(crate) fn nanoseconds(&self) -> f64 {
        self.time.as_nanos() as f64
    }
}

#[expect(clippy::disallowed_methods, reason = "it is the clock that is asked")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// How long the processor has worked for this thread: the same whatever else is running here.
#[cfg(unix)]
pub(crate) fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("it grows from zero")
}

/// By the clock, for want of anything better.
#[cfg(not(unix))]
pub(crate) fn worked() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(now).elapsed()
}

#[inline(never)]
pub(crate) fn counted(work: &mut dyn FnMut()) {
    work();
    // Keeps the call above from becoming a jump, by which callgrind would lose track.
    black_box(());
}

#[inline(never)]
pub(crate) fn end_of_count() {
    black_box(());
}

/// A run of this program under callgrind.
pub(crate) struct Counting {
    process: Child,
    folder: PathBuf,
}

impl Counting {
    /// Starts it, if valgrind is there. `folder` is for its results, and emptied first.
    pub(crate) fn start(arguments: &[&str], folder: PathBuf) -> Option<Self> {
        std::fs::remove_dir_all(&folder).ok();
        std::fs::create_dir_all(&folder).expect("the target folder can be written");
        let this = std::env::current_exe().expect("this program has a path");
        let process = Command::new("valgrind")
            .args(["--quiet", "--tool=callgrind"])
            .args(["--toggle-collect=*::counted*", "--dump-before=*::end_of_count*"])
            .arg(format!("--callgrind-out-file={}", folder.join("count").display()))
            .arg(this)
            .args(arguments)
            .stdout(Stdio::null())
            .spawn();
        Some(Self { process: process.ok()?, folder })
    }

    /// Waits for the run, and tells its first so many counts.
    pub(crate) fn finish(mut self, counts: usize) -> Vec<u64> {
        let status = self.process.wait().expect("a child that was started can be waited for");
        assert!(status.success(), "the run under valgrind failed");
        (1..=counts).map(|count| total(&self.folder.join(format!("count.{count}")))).collect()
    }
}

/// What a file of callgrind sums up to.
fn total(file: &Path) -> u64 {
    let text = std::fs::read_to_string(file).expect("callgrind writes a file for each count");
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total.and_then(|total| total.trim().parse().ok()).expect("a file ends with its total")
}
