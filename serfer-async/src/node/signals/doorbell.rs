//! A bell: wakes the one task that waits for it, however often it was rung meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Waiting for it allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Doorbell {
    has_rung: AtomicBool,
    waiting: Mutex<Option<Waker>>,
}

impl Doorbell {
    /// Wakes the task that waits, or the next that does.
    pub(crate) fn ring(&self) {
        if !self.has_rung.swap(true, Ordering::AcqRel) {
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Not under the lock: a waker may run any code.
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// Whether it has rung since the last time.
    pub(crate) fn take(&self) -> bool {
        self.has_rung.swap(false, Ordering::AcqRel)
    }

    /// Waits until it rings, or has rung.
    pub(crate) async fn wait(&self) {
        std::future::poll_fn(|cx| self.poll(cx)).await;
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        if self.take() {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waiting = Some(cx.waker().clone());
        }
        drop(waiting);
        // It may have rung before there was somebody to wake.
        if self.take() { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::{block_on, poll_once};

    use super::*;
    use crate::node::testing::Bell;

    #[test]
    fn a_bell_wakes_once_however_often_it_rings() {
        let bell = Doorbell::default();
        bell.ring();
        bell.ring();
        block_on(async {
            assert!(poll_once(bell.wait()).await.is_some());
            assert!(poll_once(bell.wait()).await.is_none());
        });
    }

    #[test]
    fn whoever_waits_last_is_woken_each_time() {
        let bell = Doorbell::default();
        for _ in 0..3 {
            let [first, last] = [(); 2].map(|()| Bell::default());
            for waiting in [&first, &last] {
                assert!(bell.poll(&Context::from_waker(&waiting.waker())).is_pending());
            }
            bell.ring();
            assert!(last.has_rung() && !first.has_rung());
            assert!(bell.take());
        }
    }
}
