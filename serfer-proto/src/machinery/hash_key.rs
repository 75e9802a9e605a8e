//! Hashing with a secret key: fast for what is short, and nobody can choose inputs that collide.
//!
//! The bytes are the coefficients of a polynomial, seven in each, whose value at a secret point, modulo 2⁶¹ − 1, is
//! the hash. Two polynomials agree at few points: of two inputs with n bytes, chosen without knowing the
//! key, the hashes are equal with less than n keys in 2⁶¹.

use std::net::IpAddr;

use crate::machinery::rng::Rng;

/// A Mersenne prime: what is above its bits is worth as much as below.
const PRIME: u64 = (1 << 61) - 1;
const BYTES: usize = 7;

#[derive(Debug)]
pub(crate) struct HashKey {
    start: u64,
    point: u64,
}

impl HashKey {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self { start: rng.u64() % PRIME, point: 1 + rng.u64() % (PRIME - 1) }
    }

    pub(crate) fn hash(&self, bytes: &[u8]) -> u64 {
        let mut value = self.start;
        let mut rest = bytes;
        while let Some((word, _)) = rest.split_first_chunk::<8>() {
            value = self.step(value, u64::from_le_bytes(*word) << 8 >> 8);
            rest = &rest[BYTES..];
        }
        // At most seven are left. How many tells a short input from one that ends with zeros.
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        last[BYTES] = rest.len() as u8;
        spread(self.step(value, u64::from_le_bytes(last)))
    }

    pub(crate) fn hash_ip(&self, ip: IpAddr) -> u64 {
        match ip {
            IpAddr::V4(ip) => spread(self.step(self.start, ip.to_bits().into())),
            IpAddr::V6(ip) => self.hash(&ip.octets()),
        }
    }

    /// Adds a coefficient, and multiplies by the point. What comes out is at most a little above the prime.
    fn step(&self, value: u64, coefficient: u64) -> u64 {
        let product = u128::from(value + coefficient) * u128::from(self.point);
        let sum = (product as u64 & PRIME) + (product >> 61) as u64;
        (sum & PRIME) + (sum >> 61)
    }
}

/// Hash tables look at the lowest bits and at the highest, which are always zero before this.
fn spread(value: u64) -> u64 {
    value.rotate_right(16)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn keys() -> impl Iterator<Item = HashKey> {
        (0..20).map(|seed| HashKey::new(&mut Rng::new([seed; 32])))
    }

    #[test]
    fn the_step_is_that_of_a_polynomial() {
        for key in keys() {
            for (value, coefficient) in
                [(0, 0), (PRIME - 1, 0), (PRIME + 2, (1 << 59) - 1), (1, PRIME - 1), (12, 1 << 58)]
            {
                let prime = u128::from(PRIME);
                let exact = (u128::from(value) + u128::from(coefficient)) * u128::from(key.point);
                let step = key.step(value, coefficient);
                assert_eq!((u128::from(step) % prime, step <= PRIME + 2), (exact % prime, true));
            }
        }
    }

    #[test]
    fn inputs_that_differ_in_zeros_only_are_told_apart() {
        for key in keys() {
            let of_zeros: BTreeSet<u64> = (0..64).map(|len| key.hash(&vec![0; len])).collect();
            assert_eq!(of_zeros.len(), 64);
        }
    }

    /// As many as one expects to share a place by chance, whatever the key, in the bits that a table uses.
    #[test]
    fn names_and_addresses_in_a_row_are_spread() {
        const PLACES: usize = 1 << 12;
        for key in keys() {
            let name = |n: usize| key.hash(format!("web-{n:06}").as_bytes());
            let ip = |n: usize| key.hash_ip(IpAddr::from((0x0a00_0000 + n as u32).to_be_bytes()));
            for hash in [&name as &dyn Fn(usize) -> u64, &ip] {
                let (mut low, mut high) = (vec![0; PLACES], vec![0; 128]);
                for n in 0..PLACES {
                    low[hash(n) as usize % PLACES] += 1;
                    high[(hash(n) >> 57) as usize] += 1;
                }
                let most = |counts: &[u32]| counts.iter().copied().max().unwrap_or_default();
                assert!(most(&low) <= 9, "{} at one place", most(&low));
                assert!(most(&high) <= 80, "{} of 32 with the same upper bits", most(&high));
            }
        }
    }
}
