//! Whether we are in a state to accuse others.
//!
//! A node that hardly hears from anybody is cut off, or sick itself, and yet it can do harm: one by
//! one it accuses all others, and each must deny that to everybody. Lifeguard only slows it down.
//!
//! Unlike Go (hc#5567): once nearly all of our last probes have failed, we accuse a member only when
//! it fails for the second time. In a small cluster that makes little difference; in a large one it
//! takes a whole round. A few answers end it, those of helpers that could not reach a member either
//! included: then the fault is not ours.

/// How many probes we remember.
const WINDOW: u32 = 16;

/// How few of them we need to know.
const KNOWN_MIN: u32 = 8;

/// Of how many one may have been answered.
const ANSWERED_OF: u32 = 8;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Distress {
    /// How the last probes ended, the latest in the lowest bit, which is set if it was answered.
    answered: u16,
    known: u32,
}

impl Distress {
    pub(crate) fn on_answered(&mut self) {
        self.note(1);
    }

    pub(crate) fn on_unanswered(&mut self) {
        self.note(0);
    }

    pub(crate) fn is_on(self) -> bool {
        self.known >= KNOWN_MIN && self.answered.count_ones() * ANSWERED_OF <= self.known
    }

    fn note(&mut self, answered: u16) {
        self.answered = self.answered << 1 | answered;
        self.known = (self.known + 1).min(WINDOW);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(probes: &str) -> bool {
        let mut distress = Distress::default();
        for probe in probes.chars() {
            if probe == '+' { distress.on_answered() } else { distress.on_unanswered() }
        }
        distress.is_on()
    }

    #[test]
    fn it_takes_many_failures_and_hardly_an_answer() {
        assert!(!after(""));
        assert!(!after("-------"));
        assert!(after("--------"));
        assert!(after("+-------"));
        assert!(!after("++------"));
        assert!(after("++--------------"));
        assert!(!after("+++-------------"));
        assert!(after("+++++++++++++++++++--------------"));
    }

    #[test]
    fn a_few_answers_end_it() {
        assert!(after("----------------+"));
        assert!(after("----------------++"));
        assert!(!after("----------------+++"));
    }
}
