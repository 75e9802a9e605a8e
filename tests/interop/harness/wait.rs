//! Waiting for what must happen: by looking again and again, until a deadline.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// For whatever takes a few rounds of gossip, and an agent's coalescing of up to 3 s.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// For what may have to wait for two push/pulls. Everybody starts one every 15 s, but the first one
/// up to 30 s after its own start.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);

/// How often to look.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until `look` finds something; what it says instead is shown if it never does.
///
/// # Panics
/// If it does not within that time.
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
