//! Tasks that are to be woken, but not before the node's lock is released.

use std::task::Waker;

/// The wakers of readers that have something to read.
///
/// They are collected under the lock, and woken after it is released: a waker may run any code, which may
/// call the node. Wakers that are left when this is dropped are woken then, so that even a panic loses none.
#[derive(Debug, Default)]
pub(crate) struct Wakers(Vec<Waker>);

impl Wakers {
    pub(crate) fn add(&mut self, waker: Option<Waker>) {
        self.0.extend(waker);
    }

    /// Wakes them all. Do not hold the lock.
    pub(crate) fn wake(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

impl Drop for Wakers {
    fn drop(&mut self) {
        self.wake();
    }
}
