//! All randomness: ChaCha12 streams from the seed.
//!
//! Nonces need a generator that nobody can predict, and a seed must give the same run for ever, so the
//! generator is ChaCha12 by name. Drawing numbers from the stream is our own code for the same reason:
//! `rand` may change how it draws from a range.

use std::time::Duration;

use rand::rngs::ChaCha12Rng;
use rand::{Rng as _, SeedableRng as _};

use crate::wire::seal::Nonce;

pub(crate) struct Rng(ChaCha12Rng);

impl Rng {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    /// Another generator of the same seed, independent of this one. Decisions made with it do not shift
    /// the numbers drawn here.
    pub(crate) fn branch(&self, number: u64) -> Self {
        let mut branch = ChaCha12Rng::from_seed(self.0.get_seed());
        branch.set_stream(number);
        Self(branch)
    }

    pub(crate) fn u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    pub(crate) fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(crate) fn nonce(&mut self) -> Nonce {
        let mut nonce = Nonce::default();
        self.0.fill_bytes(&mut nonce);
        nonce
    }

    /// A uniform number below `bound`, or 0 if `bound` is 0.
    ///
    /// Multiplies instead of dividing, and draws again where that would be biased
    /// (Lemire, "Fast random integer generation in an interval", 2019).
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        let unfair = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.u64()) * u128::from(bound);
            if product as u64 >= unfair {
                return (product >> 64) as u64;
            }
        }
    }

    /// A uniform number from 0 up to, but not including, 1.
    pub(crate) fn f64(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1u64 << 53) as f64;
        (self.u64() >> 11) as f64 * STEP
    }

    /// A uniform index into something of `len` elements.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A uniform time shorter than `bound`.
    pub(crate) fn duration(&mut self, bound: Duration) -> Duration {
        Duration::from_nanos(self.below(u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Fills `picked` with up to `count` distinct indices below `len`, any set in any order as likely
    /// as another (Floyd's algorithm: `count` draws, whatever `len` is).
    pub(crate) fn pick(&mut self, count: usize, len: usize, picked: &mut Vec<usize>) {
        picked.clear();
        for last in len - count.min(len)..len {
            let index = self.index(last + 1);
            // Appending instead would give each set few orders, so some members would never come first.
            match picked.iter().position(|&it| it == index) {
                Some(at) => picked.insert(at + 1, last),
                None => picked.insert(0, index),
            }
        }
    }
}

impl std::fmt::Debug for Rng {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rng(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn one_seed_is_one_stream_for_ever() {
        let mut rng = Rng::new([7; 32]);
        let drawn: Vec<u64> = (0..4).map(|_| rng.below(1000)).collect();
        assert_eq!(drawn, DRAWN_FROM_SEVENS);
    }

    const DRAWN_FROM_SEVENS: [u64; 4] = [128, 734, 535, 255];

    #[test]
    fn a_branch_has_numbers_of_its_own_and_takes_none_away() {
        let rng = Rng::new([7; 32]);
        let drawn = |mut rng: Rng| [rng.below(1000), rng.below(1000), rng.below(1000)];
        let branches = [rng.branch(1), rng.branch(1), rng.branch(2)].map(drawn);
        assert_eq!(branches[0], branches[1]);
        assert_ne!(branches[0], branches[2]);
        assert_eq!(drawn(rng), DRAWN_FROM_SEVENS[..3]);
        assert_ne!(branches[0], DRAWN_FROM_SEVENS[..3]);
    }

    #[test]
    fn fractions_are_spread_evenly() {
        let mut rng = Rng::new([3; 32]);
        let mut seen = [0; 10];
        for _ in 0..100_000 {
            let fraction = rng.f64();
            assert!((0.0..1.0).contains(&fraction));
            seen[(fraction * 10.0) as usize] += 1;
        }
        assert!(seen.iter().all(|&count| (9_500..10_500).contains(&count)), "{seen:?}");
    }

    #[test]
    fn numbers_below_a_bound_are_fair() {
        let mut rng = Rng::new([1; 32]);
        let mut seen = [0; 5];
        for _ in 0..50_000 {
            seen[rng.index(5)] += 1;
        }
        assert!(seen.iter().all(|&count| (9_500..10_500).contains(&count)), "{seen:?}");
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
    }

    #[test]
    fn picks_are_distinct_and_fair() {
        let mut rng = Rng::new([2; 32]);
        let mut picked = Vec::new();
        let mut seen = [0; 6];
        for _ in 0..20_000 {
            rng.pick(3, 6, &mut picked);
            assert_eq!(picked.len(), 3);
            for &index in &picked {
                seen[index] += 1;
            }
        }
        assert!(seen.iter().all(|&count| (9_500..10_500).contains(&count)), "{seen:?}");
        for (count, len) in [(3, 3), (2, 4)] {
            let mut orders = BTreeMap::new();
            for _ in 0..12_000 {
                rng.pick(count, len, &mut picked);
                *orders.entry(picked.clone()).or_insert(0) += 1;
            }
            let each = 12_000 / orders.len();
            assert_eq!(orders.len(), if len == 3 { 6 } else { 12 });
            assert!(orders.values().all(|it| (each * 8 / 10..each * 12 / 10).contains(it)));
        }
        rng.pick(9, 2, &mut picked);
        picked.sort_unstable();
        assert_eq!(picked, [0, 1]);
        rng.pick(3, 0, &mut picked);
        assert!(picked.is_empty());
    }
}
