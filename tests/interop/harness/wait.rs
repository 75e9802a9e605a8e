//! Waiting for a condition: by checking again and again, until a deadline.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// For whatever takes a few rounds of gossip, and an agent's coalescing of up to 3 s.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// For what may take two push/pulls. Each member starts one every 15 s, the first up to 30 s after
/// its start.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);

/// How long to wait between two checks.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until `look` returns a value. Its last error is shown if it never does.
///
/// # Panics
/// If it does not within this time.
#[track_caller]
pub(crate) fn until<T, S: Display>(
    what: impl Display,
    within: Duration,
    mut look: impl FnMut() -> Result<T, S>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        match look() {
            Ok(found) => return found,
            Err(state) if Instant::now() >= deadline => {
                panic!("not within {within:?}: {what}. At last:\n{state}")
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}
