//! Randomness that does not change when something else is added.
//!
//! There is no shared generator from which everything takes the next number. Every random choice is
//! a hash of the simulation's seed, the node or link that it concerns, a running number there, and
//! the [`Choice`]. So an added node or fault leaves all other choices as they were, and two runs can
//! be compared line by line.
//!
//! The rule: every running number belongs to the node or link that the choice concerns, never to the
//! whole simulation.

use std::hash::Hasher;
use std::time::Duration;

use siphasher::sip::SipHasher13;

use super::conditions::Latency;

/// The source of the random choices about one thing, for example a node or a packet. Each step
/// narrows it down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dice(u64);

/// What is chosen at random.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Choice {
    Latency,
    Loss,
    Duplicate,
    DuplicateLatency,
    Reorder,
    ReorderDelay,
    Corrupt,
    CorruptAt,
    Refuse,
    Reset,
    ChunkLen,
    Seed,
}

impl Dice {
    /// The source that all others are derived from.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The source for something with a name.
    pub(crate) fn named(self, name: &str) -> Self {
        self.hash(0, name.as_bytes())
    }

    /// The source for one of many.
    pub(crate) fn numbered(self, number: u64) -> Self {
        self.hash(1, &number.to_le_bytes())
    }

    /// The source for what goes from this to another.
    pub(crate) fn towards(self, other: Self) -> Self {
        self.hash(2, &other.0.to_le_bytes())
    }

    fn hash(self, domain: u64, bytes: &[u8]) -> Self {
        let mut hasher = SipHasher13::new_with_keys(self.0, domain);
        hasher.write(bytes);
        Self(hasher.finish())
    }

    /// A uniformly distributed number.
    pub(crate) fn number(self, choice: Choice) -> u64 {
        self.hash(3, &[choice as u8]).0
    }

    /// 32 random bytes.
    pub(crate) fn seed(self) -> [u8; 32] {
        let mut seed = [0; 32];
        for (part, bytes) in (0..).zip(seed.chunks_exact_mut(8)) {
            let number = self.numbered(part).number(Choice::Seed);
            bytes.copy_from_slice(&number.to_le_bytes());
        }
        seed
    }

    /// A uniformly distributed number from 0 to 1, excluding 1.
    pub(crate) fn unit(self, choice: Choice) -> f64 {
        (self.number(choice) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Whether something with this probability happens.
    pub(crate) fn happens(self, choice: Choice, probability: f64) -> bool {
        probability > 0.0 && self.unit(choice) < probability
    }

    /// A uniformly distributed number from 1 to `max`. `max` must not be 0.
    pub(crate) fn up_to(self, choice: Choice, max: usize) -> usize {
        1 + (self.number(choice) % max as u64) as usize
    }

    /// A time with this distribution.
    pub(crate) fn time(self, choice: Choice, latency: Latency) -> Duration {
        match latency {
            Latency::Fixed(time) => time,
            Latency::Uniform { min, max } => {
                min + max.saturating_sub(min).mul_f64(self.unit(choice))
            }
            // The argument of the logarithm is never 0.
            Latency::Exponential { min, mean } => {
                min + mean.mul_f64(-(1.0 - self.unit(choice)).ln())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_changes_the_numbers() {
        let a = Dice::new(1).named("a");
        let b = Dice::new(1).named("b");
        let all = [
            a,
            b,
            Dice::new(2).named("a"),
            a.numbered(1),
            a.numbered(2),
            a.towards(b),
            b.towards(a),
        ];
        for (n, one) in all.iter().enumerate() {
            assert!(!all[n + 1..].contains(one), "{n} is there twice");
        }
        assert_ne!(a.number(Choice::Loss), a.number(Choice::Latency));
        assert_eq!(a, Dice::new(1).named("a"));
    }

    #[test]
    fn things_happen_with_the_given_probability() {
        let dice = Dice::new(3);
        let lost = (0..100_000).filter(|n| dice.numbered(*n).happens(Choice::Loss, 0.2)).count();
        assert!((19_500..20_500).contains(&lost), "{lost}");
        assert!((0..1000).all(|n| !dice.numbered(n).happens(Choice::Loss, 0.0)));
        assert!((0..1000).all(|n| dice.numbered(n).happens(Choice::Loss, 1.0)));
    }

    #[test]
    fn latencies_have_the_given_distribution() {
        let ms = Duration::from_millis;
        let times = |latency: Latency| -> Vec<Duration> {
            (0..10_000).map(|n| Dice::new(n).time(Choice::Latency, latency)).collect()
        };
        let mean = |times: &[Duration]| times.iter().sum::<Duration>() / times.len() as u32;

        assert!(times(ms(7).into()).iter().all(|time| *time == ms(7)));
        let uniform = times((ms(10)..ms(30)).into());
        assert!(uniform.iter().all(|time| (ms(10)..ms(30)).contains(time)));
        assert!((ms(19)..ms(21)).contains(&mean(&uniform)));
        let exponential = times(Latency::Exponential { min: ms(10), mean: ms(20) });
        assert!(exponential.iter().all(|time| *time >= ms(10)));
        assert!((ms(29)..ms(31)).contains(&mean(&exponential)));
    }
}
