//! The timer of a node.
//!
//! tokio's own timers would wake an idle node twice as often as it has something to do: once at the border of a slot
//! of their wheel, and once more whenever an earlier deadline is set. So Linux is asked for a timer of its own.

pub use imp::Timer as Alarm;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod imp {
    use std::future::poll_fn;
    use std::io;
    use std::os::fd::OwnedFd;
    use std::task::{Poll, ready};
    use std::time::{Duration, Instant};

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use crate::watched::watch;

    pub use self::TimerFd as Timer;

    const ZERO: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

    /// A timer that is set again and again.
    #[derive(Debug)]
    pub struct TimerFd(AsyncFd<OwnedFd>);

    impl TimerFd {
        pub(crate) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            watch(timer, Interest::READABLE).map(Self)
        }

        pub(crate) fn set(&self, at: Option<Instant>) {
            let time = at.map_or(ZERO, |at| {
                let left = at.saturating_duration_since(Instant::now());
                // Nothing at all would mean never.
                let left = left.clamp(Duration::from_nanos(1), Duration::from_secs(1 << 30));
                Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() }
            });
            let time = Itimerspec { it_interval: ZERO, it_value: time };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &time)
                .expect("the timer is one, and the time is valid");
        }

        /// What the timer has to say is not read: setting it anew makes it forget that.
        pub(crate) async fn ring(&self) {
            let rung = poll_fn(|cx| {
                let ready = ready!(self.0.poll_read_ready(cx));
                Poll::Ready(ready.map(|mut ready| ready.clear_ready()))
            });
            if rung.await.is_err() {
                // The runtime ends, and so does the task that waits.
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod imp {
    use std::io;
    use std::pin::Pin;
    use std::time::Instant;

    use tokio::time::{Sleep, sleep_until};

    pub use self::TokioTimer as Timer;

    /// A timer that is set again and again.
    #[derive(Debug)]
    pub struct TokioTimer {
        sleep: Pin<Box<Sleep>>,
        is_set: bool,
    }

    impl TokioTimer {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self { sleep: Box::pin(sleep_until(Instant::now().into())), is_set: false })
        }

        pub(crate) fn set(&mut self, at: Option<Instant>) {
            self.is_set = at.is_some();
            if let Some(at) = at {
                self.sleep.as_mut().reset(at.into());
            }
        }

        pub(crate) async fn ring(&mut self) {
            if self.is_set {
                self.sleep.as_mut().await;
                self.is_set = false;
            } else {
                std::future::pending::<()>().await;
            }
        }
    }
}
