//! What one stretch of network does to one datagram, or to one chunk of a stream.

use std::time::Duration;

use super::conditions::{Bandwidth, Conditions, Latency};
use super::dice::{Dice, Question};

/// Why a datagram does not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    Chance,
    Cut,
    TooLong,
    QueueFull,
}

/// How long TCP waits before it first sends something again.
pub(crate) const RETRANSMIT: Duration = Duration::from_millis(200);

/// How far a datagram that is held back falls behind, at most.
const HELD_BACK: Duration = Duration::from_millis(20);

/// How often a chunk can be lost in a row.
const LOSSES_MAX: u32 = 8;

impl Conditions {
    /// How much later a datagram comes out at the end.
    pub(crate) fn delay(
        &self,
        busy_until: &mut Duration,
        dice: Dice,
        now: Duration,
        len: usize,
    ) -> Result<Duration, Loss> {
        if self.mtu.is_some_and(|mtu| len > mtu) {
            return Err(Loss::TooLong);
        }
        if dice.happens(Question::Loss, self.loss) {
            return Err(Loss::Chance);
        }
        let mut delay = dice.time(Question::Latency, self.latency);
        if dice.happens(Question::Reorder, self.reorder) {
            delay += dice.time(Question::HeldBack, Latency::from(Duration::ZERO..HELD_BACK));
        }
        if let Some(bandwidth) = self.bandwidth {
            let waiting = busy_until.saturating_sub(now);
            if waiting > bandwidth.time(bandwidth.queue_bytes) {
                return Err(Loss::QueueFull);
            }
            *busy_until = now + waiting + bandwidth.time(len as u64);
            delay += *busy_until - now;
        }
        Ok(delay)
    }

    /// The same for a chunk of a stream: nothing is lost for good, it only takes longer.
    pub(crate) fn chunk_delay(
        &self,
        busy_until: &mut Duration,
        dice: Dice,
        now: Duration,
        len: usize,
    ) -> Duration {
        let mut delay = dice.time(Question::Latency, self.latency);
        for again in 0..LOSSES_MAX {
            if !dice.numbered(again.into()).happens(Question::Loss, self.loss) {
                break;
            }
            delay += RETRANSMIT * 2u32.pow(again);
        }
        if let Some(bandwidth) = self.bandwidth {
            *busy_until = now.max(*busy_until) + bandwidth.time(len as u64);
            delay += *busy_until - now;
        }
        delay
    }
}

impl Bandwidth {
    /// How long so many bytes take.
    fn time(self, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.bytes_per_sec.max(1) as f64)
    }
}
