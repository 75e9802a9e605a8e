//! How one section of the network delays or loses one datagram or one chunk of a stream.

use std::time::Duration;

use super::conditions::{Bandwidth, Conditions, Latency};
use super::dice::{Choice, Dice};

/// Why a datagram does not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    Chance,
    Cut,
    TooLong,
    QueueFull,
}

/// How long TCP waits before its first retransmission.
pub(crate) const RETRANSMIT: Duration = Duration::from_millis(200);

/// How much a reordered datagram is delayed at most.
const REORDER_DELAY_MAX: Duration = Duration::from_millis(20);

/// How often a chunk is lost in a row at most.
const LOSSES_MAX: u32 = 8;

impl Conditions {
    /// How long a datagram takes, unless it is lost.
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
        if dice.happens(Choice::Loss, self.loss) {
            return Err(Loss::Chance);
        }
        let mut delay = dice.time(Choice::Latency, self.latency);
        if dice.happens(Choice::Reorder, self.reorder) {
            delay +=
                dice.time(Choice::ReorderDelay, Latency::from(Duration::ZERO..REORDER_DELAY_MAX));
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

    /// How long a chunk of a stream takes. A loss only makes it take longer.
    pub(crate) fn chunk_delay(
        &self,
        busy_until: &mut Duration,
        dice: Dice,
        now: Duration,
        len: usize,
    ) -> Duration {
        let mut delay = dice.time(Choice::Latency, self.latency);
        for retries in 0..LOSSES_MAX {
            if !dice.numbered(retries.into()).happens(Choice::Loss, self.loss) {
                break;
            }
            delay += RETRANSMIT * 2u32.pow(retries);
        }
        if let Some(bandwidth) = self.bandwidth {
            *busy_until = now.max(*busy_until) + bandwidth.time(len as u64);
            delay += *busy_until - now;
        }
        delay
    }
}

impl Bandwidth {
    /// How long this many bytes take.
    fn time(self, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.bytes_per_sec.max(1) as f64)
    }
}
