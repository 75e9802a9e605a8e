//! File descriptors that a tokio runtime watches.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Watches a file descriptor for this alone.
#[expect(deprecated, reason = "what has a file descriptor by `AsFd` keeps it; else it is `unsafe`")]
pub(crate) fn watch<T: AsFd + AsRawFd>(fd: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(fd, interest)
}
