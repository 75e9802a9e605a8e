//! Works that one thread does without waiting: time of the processor, and allocations.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::{allocations, say};

const BATCHES: usize = 21;
const BATCH: Duration = Duration::from_millis(10);
/// A work that takes seconds is not done more often than this.
const LONGEST: Duration = Duration::from_secs(6);

/// Adds up what operations take.
#[derive(Default)]
pub struct Meter {
    time: Duration,
    operations: u64,
    allocations: u64,
}

impl Meter {
    /// Does so many operations that are to be counted.
    pub fn count<T>(&mut self, operations: usize, work: impl FnOnce() -> T) -> T {
        let (allocations, start) = (allocations::count(), worked());
        let result = work();
        self.time += worked() - start;
        self.allocations += allocations::count() - allocations;
        self.operations += operations as u64;
        result
    }
}

/// How long the processor has worked for this process.
pub fn worked() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Measures a work. A round prepares what it likes, and gives the meter what is to be counted.
pub fn measure(work: &str, parameters: &str, mut round: impl FnMut(&mut Meter)) {
    let mut batch = || {
        let mut meter = Meter::default();
        while meter.time < BATCH {
            round(&mut meter);
        }
        meter
    };
    batch();
    let start = worked();
    let (mut times, mut allocations, mut operations) = (Vec::new(), 0, 0);
    while times.len() < BATCHES && (times.len() < 5 || worked() - start < LONGEST) {
        let meter = batch();
        times.push(meter.time.as_nanos() as f64 / meter.operations as f64);
        allocations += meter.allocations;
        operations += meter.operations;
    }
    times.sort_by(f64::total_cmp);
    say(work, parameters, "ns", times[times.len() / 2]);
    say(work, parameters, "ns-min", times[0]);
    say(work, parameters, "allocs", allocations as f64 / operations as f64);
}
