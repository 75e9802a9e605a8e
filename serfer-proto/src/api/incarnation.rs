//! A member's incarnation, and how fast it may rise.
//!
//! A suspect refutes with a higher incarnation. A member whose incarnation is the largest number could not
//! refute, so a single forged message could make it dead for good.
//!
//! Unlike Go, which believes any number and lets its own wrap to zero: a number that leaves no room to
//! refute is not believed, and a number rises by [`BURST`] at once and by [`PER_SECOND`] after that. So it
//! takes weeks of forging to bring one near the end. A message out of reach is dropped and not refuted:
//! the members that believe it forget the member in time, and then it can come back.

/// How far a number may rise at once after a long rest.
const BURST: u32 = 1 << 20;

/// How much further it may rise with every second.
const PER_SECOND: u32 = 1 << 10;

/// Numbers from here on leave too little room to refute.
pub(crate) const END: u32 = u32::MAX - (1 << 16);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Incarnation {
    number: u32,
    /// How far it could rise at `spare_at`, a time in seconds.
    spare: u32,
    spare_at: u32,
}

impl Incarnation {
    pub(crate) fn new(number: u32, now: u32) -> Self {
        Self { number, spare: BURST, spare_at: now }
    }

    pub(crate) fn number(self) -> u32 {
        self.number
    }

    pub(crate) fn reaches(self, number: u32, now: u32) -> bool {
        number < END && number.saturating_sub(self.number) <= self.spare(now)
    }

    /// Raises it to `number`.
    pub(crate) fn raise(&mut self, number: u32, now: u32) {
        let step = number.saturating_sub(self.number);
        *self = Self {
            number: self.number.max(number),
            spare: self.spare(now).saturating_sub(step),
            spare_at: now,
        };
    }

    fn spare(self, now: u32) -> u32 {
        let since = now.saturating_sub(self.spare_at);
        self.spare.saturating_add(since.saturating_mul(PER_SECOND)).min(BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_outbid_is_out_of_reach() {
        let incarnation = Incarnation::new(END - 2, 0);
        assert!(incarnation.reaches(END - 1, 0));
        assert!(!incarnation.reaches(END, 0));
        assert!(!incarnation.reaches(u32::MAX, u32::MAX));
    }

    #[test]
    fn many_steps_get_no_further_than_one() {
        let mut incarnation = Incarnation::new(1, 0);
        assert!(!incarnation.reaches(BURST + 2, 0));
        for step in 1..=4 {
            let number = 1 + step * BURST / 4;
            assert!(incarnation.reaches(number, 0));
            incarnation.raise(number, 0);
        }
        assert!(!incarnation.reaches(incarnation.number() + 1, 0));
    }

    #[test]
    fn reach_comes_back_with_time() {
        let mut incarnation = Incarnation::new(1, 0);
        incarnation.raise(1 + BURST, 100);
        assert!(incarnation.reaches(1 + BURST + 3 * PER_SECOND, 103));
        assert!(!incarnation.reaches(2 + BURST + 3 * PER_SECOND, 103));
        assert!(incarnation.reaches(1 + 2 * BURST, u32::MAX));
        assert!(!incarnation.reaches(2 + 2 * BURST, u32::MAX));
    }

    #[test]
    fn it_takes_weeks_of_forging_to_reach_the_end() {
        let weeks = (END - BURST) / PER_SECOND / (7 * 24 * 3600);
        assert!(weeks >= 6);
    }

    #[test]
    fn nothing_moves_it_down() {
        let mut incarnation = Incarnation::new(7, 0);
        incarnation.raise(3, 1);
        assert_eq!(incarnation.number(), 7);
        assert!(incarnation.reaches(7 + BURST, 1));
    }
}
