//! How long to leave a socket alone that has failed.

use std::time::Duration;

/// Longer and longer.
pub(crate) struct SocketPause(Duration);

impl SocketPause {
    const MAX: Duration = Duration::from_secs(1);

    /// How long to wait now.
    pub(crate) fn next_pause(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (2 * pause).min(Self::MAX);
        pause
    }
}

impl Default for SocketPause {
    fn default() -> Self {
        Self(Duration::from_millis(5))
    }
}
