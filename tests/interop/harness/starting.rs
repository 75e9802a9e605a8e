//! Processes start one at a time, and not while sockets are closed.
//!
//! A child has copies of all our sockets until it runs its program. A socket that is closed meanwhile would
//! keep its port, which a test may need again.

use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::fcntl_dupfd_cloexec;

/// Held while a process starts, and while sockets are closed.
static STARTING: Mutex<()> = Mutex::new(());

/// A descriptor that is higher than those of our sockets.
const HIGH: i32 = 1000;

/// No process starts as long as this is held.
pub(crate) fn hold() -> MutexGuard<'static, ()> {
    STARTING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a process, and waits until it has no copies of our sockets.
///
/// `spawn` of the standard library returns a moment too early for that: when the child has the memory of its
/// program, but not yet closed what it is not to have. It closes in ascending order, and at last its copy of
/// the end of a pipe.
pub(crate) fn start<T>(spawn: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let _held = hold();
    let (mut copies, end) = io::pipe()?;
    let high = fcntl_dupfd_cloexec(&end, HIGH)?;
    drop(end);
    let process = spawn()?;
    drop(high);
    copies.read_to_end(&mut Vec::new())?;
    Ok(process)
}
