//! Randomness that does not move when something else is added.
//!
//! There is no generator from which everybody takes the next number. Every choice is a hash of its
//! own name: the simulation's seed, whom it concerns, the how-manieth such thing it is, and what is
//! asked. So a node that is added, or a fault that is switched on, leaves all other choices as they
//! were, and two runs can be compared line by line.
//!
//! The rule not to break: what is counted belongs to whoever the choice concerns, never to the whole
//! simulation.

use std::hash::Hasher;
use std::time::Duration;

use siphasher::sip::SipHasher13;

use super::conditions::Latency;

/// The name of something that choices are about; each step makes it more precise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dice(u64);

/// What a choice is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question {
    Latency,
    Loss,
    Duplicate,
    DuplicateLatency,
    Reorder,
    HeldBack,
    Corrupt,
    CorruptAt,
    Refuse,
    Reset,
    ChunkLen,
    Seed,
}

impl Dice {
    /// The root of all names.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Something with a name.
    pub(crate) fn named(self, name: &str) -> Self {
        self.hash(0, name.as_bytes())
    }

    /// One of many.
    pub(crate) fn numbered(self, number: u64) -> Self {
        self.hash(1, &number.to_le_bytes())
    }

    /// Something between this and another.
    pub(crate) fn towards(self, other: Self) -> Self {
        self.hash(2, &other.0.to_le_bytes())
    }

    fn hash(self, domain: u64, bytes: &[u8]) -> Self {
        let mut hasher = SipHasher13::new_with_keys(self.0, domain);
        hasher.write(bytes);
        Self(hasher.finish())
    }

    /// A uniform number.
    pub(crate) fn number(self, question: Question) -> u64 {
        self.hash(3, &[question as u8]).0
    }

    /// 32 uniform bytes.
    pub(crate) fn seed(self) -> [u8; 32] {
        let mut seed = [0; 32];
        for (part, bytes) in (0..).zip(seed.chunks_exact_mut(8)) {
            let number = self.numbered(part).number(Question::Seed);
            bytes.copy_from_slice(&number.to_le_bytes());
        }
        seed
    }

    /// A uniform number from 0 up to, not including, 1.
    pub(crate) fn unit(self, question: Question) -> f64 {
        (self.number(question) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Whether something of this probability happens.
    pub(crate) fn happens(self, question: Question, probability: f64) -> bool {
        probability > 0.0 && self.unit(question) < probability
    }

    /// A uniform number from 1 to `max`, which is not 0.
    pub(crate) fn up_to(self, question: Question, max: usize) -> usize {
        1 + (self.number(question) % max as u64) as usize
    }

    /// A time from a distribution.
    pub(crate) fn time(self, question: Question, latency: Latency) -> Duration {
        match latency {
            Latency::Fixed(time) => time,
            Latency::Uniform { min, max } => {
                min + max.saturating_sub(min).mul_f64(self.unit(question))
            }
            // What the logarithm is taken of is never 0.
            Latency::Exponential { min, mean } => {
                min + mean.mul_f64(-(1.0 - self.unit(question)).ln())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_of_a_name_matters() {
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
            assert!(!all[n + 1..].contains(one), "{n} has a twin");
        }
        assert_ne!(a.number(Question::Loss), a.number(Question::Latency));
        assert_eq!(a, Dice::new(1).named("a"));
    }

    #[test]
    fn chances_are_as_they_are_said_to_be() {
        let dice = Dice::new(3);
        let lost = (0..100_000).filter(|n| dice.numbered(*n).happens(Question::Loss, 0.2)).count();
        assert!((19_500..20_500).contains(&lost), "{lost}");
        assert!((0..1000).all(|n| !dice.numbered(n).happens(Question::Loss, 0.0)));
        assert!((0..1000).all(|n| dice.numbered(n).happens(Question::Loss, 1.0)));
    }

    #[test]
    fn latencies_have_the_distribution_asked_for() {
        let ms = Duration::from_millis;
        let times = |latency: Latency| -> Vec<Duration> {
            (0..10_000).map(|n| Dice::new(n).time(Question::Latency, latency)).collect()
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
