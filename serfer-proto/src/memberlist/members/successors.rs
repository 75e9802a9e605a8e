//! Who comes after us on the ring of all members.
//!
//! The ring is the order of the hashes of names, which is the same on all nodes. If each node passes what
//! it hears on to the member after it, nobody is missed, however the other receivers are drawn.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// How many members are kept. Only when all of them are gone, all members have to be looked at.
const KEPT_MAX: usize = 8;

/// The live members that come after us, the nearest first.
#[derive(Debug, Default)]
pub(crate) struct Successors {
    me: u64,
    /// How far behind us the row of each is.
    nearest: Vec<(u64, u32)>,
    /// There are others behind them.
    has_more: bool,
}

impl Successors {
    pub(crate) fn set_me(&mut self, name: &str) {
        *self = Self { me: place(name), nearest: Vec::new(), has_more: false };
    }

    /// Adds a member, unless it is there.
    pub(crate) fn add(&mut self, name: &str, row: u32) {
        let distance = place(name).wrapping_sub(self.me);
        let at = self.nearest.partition_point(|it| *it < (distance, row));
        if self.nearest.get(at) == Some(&(distance, row)) {
            return;
        }
        if at == self.nearest.len() && self.has_more {
            return;
        }
        self.nearest.insert(at, (distance, row));
        self.has_more |= self.nearest.len() > KEPT_MAX;
        self.nearest.truncate(KEPT_MAX);
    }

    /// Removes a member that is gone.
    pub(crate) fn remove(&mut self, row: u32) {
        self.nearest.retain(|(_, it)| *it != row);
    }

    /// Whether none is left although there are others: begins anew, and all are to be added again.
    pub(crate) fn begins_anew(&mut self) -> bool {
        self.nearest.is_empty() && std::mem::take(&mut self.has_more)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.nearest.iter().map(|(_, row)| *row)
    }
}

/// Where on the ring a name is. Always the same: the nodes of a cluster must agree.
fn place(name: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(name.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_nodes_agree_on_the_ring() {
        let names: Vec<String> = (0..100).map(|n| format!("n{n}")).collect();
        let next = |me: usize| {
            let mut successors = Successors::default();
            successors.set_me(&names[me]);
            let others = (0..names.len()).filter(|&it| it != me);
            others.for_each(|it| successors.add(&names[it], it as u32));
            successors.iter().next().map(|row| row as usize)
        };
        let (mut at, mut met) = (0, vec![false; names.len()]);
        for _ in 0..names.len() {
            at = next(at).unwrap();
            assert!(!std::mem::replace(&mut met[at], true), "the ring goes through all");
        }
        assert_eq!(at, 0);
    }

    #[test]
    fn when_all_that_are_kept_are_gone_the_others_are_looked_at() {
        let mut successors = Successors::default();
        successors.set_me("me");
        let names: Vec<String> = (0..20).map(|n| format!("n{n}")).collect();
        let add = |successors: &mut Successors, from: u32| {
            (from..20).for_each(|n| successors.add(&names[n as usize], n));
        };
        add(&mut successors, 0);
        let kept: Vec<u32> = successors.iter().collect();
        assert_eq!(kept.len(), KEPT_MAX);
        successors.add(&names[kept[0] as usize], kept[0]);
        assert_eq!(successors.iter().count(), KEPT_MAX, "one that is there is not added again");
        for &row in &kept {
            assert!(!successors.begins_anew());
            successors.remove(row);
        }
        assert!(successors.begins_anew());
        assert_eq!(successors.iter().count(), 0);
        let left = (0..20).filter(|row| !kept.contains(row));
        left.for_each(|row| successors.add(&names[row as usize], row));
        assert!(!successors.begins_anew());
        assert_eq!(successors.iter().count(), KEPT_MAX);
        assert!(kept.iter().all(|row| successors.iter().all(|it| it != *row)));
    }
}
