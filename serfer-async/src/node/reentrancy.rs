//! A guard against a thread that would wait for itself.

use std::cell::Cell;

thread_local! {
    /// The address of what this thread has locked; 0 for nothing.
    static LOCKED: Cell<usize> = const { Cell::new(0) };
}

/// Is held while a thread has the lock of a node. The thread may lock other nodes meanwhile.
pub(crate) struct ReentrancyGuard {
    before: usize,
}

impl ReentrancyGuard {
    /// # Panics
    /// If this thread has locked `node` already.
    pub(crate) fn enter<T>(node: &T) -> Self {
        let address = std::ptr::from_ref(node).addr();
        let before = LOCKED.replace(address);
        assert_ne!(
            before, address,
            "a function that the node calls has called the node: a function of its configuration, or a \
             subscriber to its traces"
        );
        Self { before }
    }
}

impl Drop for ReentrancyGuard {
    fn drop(&mut self) {
        LOCKED.set(self.before);
    }
}
