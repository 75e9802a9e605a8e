//! All members: found by name, by address and by key, probed in turn, picked at random.
//!
//! Whatever the hot path asks is answered in constant time, however many members there are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::{Deref, Index, IndexMut};
use std::time::{Duration, Instant};

use crate::api::Node;
use crate::api::incarnation::Incarnation;
use crate::machinery::{Key, Rng, Table};
use crate::memberlist::members::pick_zones::PickZones;
use crate::memberlist::members::probe_order::ProbeOrder;
use crate::memberlist::members::successors::Successors;
use crate::memberlist::members::swim_member::{SwimMember, SwimState};

/// When the turn of those who come after us is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turns {
    /// They are first.
    FromUs,
    /// They are last.
    UsLast,
}

/// To how many members after us news is sent, if the first ones are suspected.
const AFTER_US_MAX: usize = 3;

#[derive(Debug)]
pub(crate) struct SwimMembers {
    table: Table<SwimMember>,
    /// Ourselves, once we are a member.
    me: Option<Key>,
    /// The others that are alive or suspect.
    probe_order: ProbeOrder,
    /// The others that have not left.
    zones: PickZones,
    successors: Successors,
    /// The others that died or left, and since when.
    gone: BTreeMap<Key, Instant>,
    /// The same, oldest departure first.
    departures: BTreeSet<(Instant, Key)>,
}

impl SwimMembers {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self {
            table: Table::new(rng),
            me: None,
            probe_order: ProbeOrder::default(),
            zones: PickZones::default(),
            successors: Successors::default(),
            gone: BTreeMap::new(),
            departures: BTreeSet::new(),
        }
    }

    /// How many others are alive or suspect.
    pub(crate) fn live_others(&self) -> usize {
        self.zones.count(SwimState::Suspect)
    }

    pub(crate) fn me(&self) -> Option<Key> {
        self.me
    }

    pub(crate) fn knows_addr(&self, addr: SocketAddr) -> bool {
        self.table.find_addr(addr).is_some()
    }

    /// How many members that are not gone have this IP address; at most `max`.
    pub(crate) fn living_at(&self, ip: IpAddr, max: usize) -> usize {
        self.table.count_at(ip, max, |member| !member.is_gone())
    }

    /// Since when a member is gone, if it is.
    pub(crate) fn gone_since(&self, key: Key) -> Option<Instant> {
        self.gone.get(&key).copied()
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut SwimMember> {
        self.table.get_mut(key)
    }

    /// Adds ourselves, alive.
    pub(crate) fn insert_me(&mut self, node: Node, incarnation: Incarnation) {
        self.successors.set_me(node.name_text());
        self.me = Some(self.table.insert(SwimMember::alive(node, incarnation)));
    }

    /// Adds another node, alive.
    pub(crate) fn insert(&mut self, node: Node, incarnation: Incarnation) -> Key {
        let key = self.table.insert(SwimMember::alive(node.clone(), incarnation));
        self.successors.add(node.name_text(), key.index());
        self.probe_order.add(key.index());
        self.zones.add(key.index(), SwimState::Alive);
        key
    }

    pub(crate) fn set_node(&mut self, key: Key, node: Node) {
        self.table.set_node(key, node);
    }

    /// Changes what we believe of a member, from now on. An accusation, or its end, does not make the
    /// member due again in the same round of probes.
    pub(crate) fn set_state(&mut self, key: Key, state: SwimState, now: Instant) {
        self.table[key].state = state;
        if Some(key) == self.me {
            return;
        }
        let row = key.index();
        self.zones.remove(row);
        self.zones.add(row, state);
        self.forget_departure(key);
        if state <= SwimState::Suspect {
            self.probe_order.add(row);
            self.successors.add(self.table[key].node.name_text(), row);
        } else {
            self.successors.remove(row);
            self.probe_order.remove(row);
            self.gone.insert(key, now);
            self.departures.insert((now, key));
        }
    }

    /// The next member to probe.
    pub(crate) fn next_probe(&mut self, rng: &mut Rng) -> Option<Key> {
        self.probe_order.next(rng).map(|row| self.table.key_at(row))
    }

    /// Fills `picked` with up to `count` others, at random, that are in `worst` state or better.
    ///
    /// Unlike older Go, which draws blindly and now and then misses the only one there is (hm#350).
    #[inline]
    pub(crate) fn pick(
        &mut self,
        rng: &mut Rng,
        count: usize,
        worst: SwimState,
        except: Option<Key>,
        picked: &mut Vec<Key>,
    ) {
        picked.clear();
        // One more, in case the exception is among them.
        for row in self.zones.pick(rng, count + usize::from(except.is_some()), worst) {
            let key = self.table.key_at(row);
            if Some(key) != except && picked.len() < count {
                picked.push(key);
            }
        }
    }

    /// Fills `picked` with up to `count` different others that are alive or suspect: those whose turn it is, where
    /// any `distinct` in a row are different members, and who comes after us.
    pub(crate) fn pick_in_turn(
        &mut self,
        rng: &mut Rng,
        count: usize,
        distinct: usize,
        turns: Turns,
        picked: &mut Vec<Key>,
    ) {
        picked.clear();
        self.find_successors();
        let mut after_us = [0; AFTER_US_MAX];
        let mut found = 0;
        // Who is suspected may not pass it on.
        for row in self.successors.iter().take(AFTER_US_MAX) {
            (after_us[found], found) = (row, found + 1);
            if self.table[self.table.key_at(row)].state() == SwimState::Alive {
                break;
            }
        }
        let after_us = after_us[..found].iter().map(|&row| self.table.key_at(row));
        if turns == Turns::FromUs {
            picked.extend(after_us.clone());
        }
        for _ in 0..count + found {
            if picked.len() >= count {
                break;
            }
            let Some(row) = self.zones.next(rng, distinct + found) else { break };
            // If there are few, their turn comes again.
            let key = self.table.key_at(row);
            if !picked.contains(&key) && !after_us.clone().any(|it| it == key) {
                picked.push(key);
            }
        }
        if turns == Turns::UsLast {
            picked.extend(after_us.take(count - picked.len()));
        }
    }

    /// Whether this member comes after us, before any other.
    pub(crate) fn comes_after_us(&self, key: Key) -> bool {
        self.successors.iter().next() == Some(key.index())
    }

    /// All that come after us are gone: finds who does now.
    fn find_successors(&mut self) {
        if self.successors.begins_anew() {
            let live = self.table.iter().filter(|(_, member)| !member.is_gone());
            for (key, member) in live.filter(|(key, _)| Some(*key) != self.me) {
                self.successors.add(member.node.name_text(), key.index());
            }
        }
    }

    /// Whether some are dead and not forgotten.
    pub(crate) fn has_dead(&self) -> bool {
        self.zones.count(SwimState::Dead) > self.live_others()
    }

    /// When the member that has been gone for longest will have been gone for `keep`.
    pub(crate) fn next_forgotten(&self, keep: Duration) -> Option<Instant> {
        self.departures.first().map(|(since, _)| *since + keep)
    }

    /// Removes the members that have been gone for `keep`.
    ///
    /// Unlike Go, which does so when a round of probes begins, however long that takes.
    pub(crate) fn forget(
        &mut self,
        now: Instant,
        keep: Duration,
        mut forgotten: impl FnMut(&SwimMember),
    ) {
        while let Some(&(since, key)) = self.departures.first()
            && since + keep <= now
        {
            forgotten(&self.table[key]);
            self.forget_departure(key);
            self.zones.remove(key.index());
            self.table.remove(key);
        }
    }

    fn forget_departure(&mut self, key: Key) {
        if let Some(since) = self.gone.remove(&key) {
            self.departures.remove(&(since, key));
        }
    }
}

/// To read it, it is the table. Its `len` is the size of the cluster in every formula, as in Go:
/// ourselves and the members that are gone but not forgotten included.
impl Deref for SwimMembers {
    type Target = Table<SwimMember>;

    fn deref(&self) -> &Table<SwimMember> {
        &self.table
    }
}

impl Index<Key> for SwimMembers {
    type Output = SwimMember;

    fn index(&self, key: Key) -> &SwimMember {
        &self.table[key]
    }
}

impl IndexMut<Key> for SwimMembers {
    fn index_mut(&mut self, key: Key) -> &mut SwimMember {
        &mut self.table[key]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing::{epoch, node};

    fn members(count: usize) -> (SwimMembers, Vec<Key>, Rng) {
        let mut rng = Rng::new([0; 32]);
        let mut members = SwimMembers::new(&mut rng);
        let node = |n: usize| node(&format!("n{n}"), "127.0.0.1:7946");
        let incarnation = Incarnation::new(1, 0);
        members.insert_me(node(0), incarnation);
        let keys = (1..=count).map(|n| members.insert(node(n), incarnation)).collect();
        (members, keys, rng)
    }

    #[test]
    fn a_round_probes_every_member_once_in_any_order() {
        let (mut members, keys, mut rng) = members(10);
        let mut orders = BTreeSet::new();
        for _ in 0..20 {
            let round: Vec<Key> = (0..10).filter_map(|_| members.next_probe(&mut rng)).collect();
            let mut sorted = round.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, keys);
            orders.insert(round);
        }
        assert_eq!(orders.len(), 20);
    }

    #[test]
    fn a_member_that_is_accused_or_cleared_keeps_its_turn() {
        let (mut members, keys, mut rng) = members(10);
        let mut round = Vec::new();
        for _ in 0..10 {
            let probed = members.next_probe(&mut rng).unwrap();
            members.set_state(probed, SwimState::Suspect, epoch());
            if round.len() % 2 == 0 {
                members.set_state(probed, SwimState::Alive, epoch());
            }
            round.push(probed);
        }
        round.sort_unstable();
        assert_eq!(round, keys);
    }

    #[test]
    fn gone_members_are_not_probed_and_others_keep_their_turn() {
        let (mut members, keys, mut rng) = members(10);
        let now = epoch();
        let early: Vec<Key> = (0..4).filter_map(|_| members.next_probe(&mut rng)).collect();
        members.set_state(early[0], SwimState::Dead, now);
        let unprobed = keys.iter().find(|key| !early.contains(key)).unwrap();
        members.set_state(*unprobed, SwimState::Left, now);
        let rest: BTreeSet<Key> = (0..5).filter_map(|_| members.next_probe(&mut rng)).collect();
        let expected = keys.iter().filter(|key| !early.contains(key) && *key != unprobed);
        assert_eq!(rest, expected.copied().collect());
    }

    #[test]
    fn with_no_live_member_none_is_probed() {
        let (mut members, keys, mut rng) = members(1);
        members.set_state(keys[0], SwimState::Dead, epoch());
        assert_eq!(members.next_probe(&mut rng), None);
    }

    #[test]
    fn picks_know_who_is_alive_suspect_and_dead() {
        let (mut members, keys, mut rng) = members(6);
        let now = epoch();
        members.set_state(keys[0], SwimState::Suspect, now);
        members.set_state(keys[1], SwimState::Dead, now);
        members.set_state(keys[2], SwimState::Left, now);
        members.set_state(keys[3], SwimState::Dead, now);
        members.set_state(keys[3], SwimState::Alive, now);
        let mut pick = |worst, except| {
            let mut picked = Vec::new();
            members.pick(&mut rng, 10, worst, except, &mut picked);
            picked.sort_unstable();
            picked
        };
        assert_eq!(pick(SwimState::Alive, None), &keys[3..]);
        assert_eq!(pick(SwimState::Alive, Some(keys[4])), [keys[3], keys[5]]);
        assert_eq!(pick(SwimState::Suspect, None), [keys[0], keys[3], keys[4], keys[5]]);
        assert_eq!(pick(SwimState::Dead, None), [keys[0], keys[1], keys[3], keys[4], keys[5]]);
        assert_eq!(members.live_others(), 4);
    }

    #[test]
    fn an_exception_leaves_as_many_as_were_asked_for() {
        let (mut members, keys, mut rng) = members(4);
        for _ in 0..100 {
            let mut picked = Vec::new();
            members.pick(&mut rng, 3, SwimState::Alive, Some(keys[0]), &mut picked);
            picked.sort_unstable();
            assert_eq!(picked, &keys[1..]);
        }
    }

    #[test]
    fn an_exception_does_not_make_others_less_likely() {
        let (mut members, keys, mut rng) = members(6);
        let mut times = [0; 6];
        for _ in 0..2500 {
            let mut picked = Vec::new();
            members.pick(&mut rng, 2, SwimState::Alive, Some(keys[0]), &mut picked);
            picked.iter().for_each(|key| {
                times[keys.iter().position(|it| it == key).expect("it is one of them")] += 1;
            });
        }
        assert_eq!(times[0], 0);
        assert!(times[1..].iter().all(|times| (850..1150).contains(times)), "{times:?}");
    }

    #[test]
    fn gone_members_are_forgotten_in_time_unless_they_are_back() {
        let (mut members, keys, _) = members(3);
        let keep = Duration::from_secs(30);
        let start = epoch();
        let at = |secs| start + Duration::from_secs(secs);
        members.set_state(keys[0], SwimState::Dead, at(0));
        members.set_state(keys[1], SwimState::Left, at(1));
        members.set_state(keys[0], SwimState::Alive, at(2));
        members.set_state(keys[0], SwimState::Dead, at(3));
        assert_eq!(members.next_forgotten(keep), Some(at(31)));
        members.forget(at(31), keep, |_| {});
        assert!(members.get(keys[0]).is_some());
        assert!(members.get(keys[1]).is_none());
        assert_eq!(members.next_forgotten(keep), Some(at(33)));
        members.forget(at(33), keep, |_| {});
        assert!(members.get(keys[0]).is_none());
        assert_eq!(members.next_forgotten(keep), None);
        assert_eq!(members.len(), 2);
    }

    #[test]
    fn a_member_that_comes_and_goes_has_one_departure() {
        let (mut members, keys, _) = members(1);
        for _ in 0..100 {
            members.set_state(keys[0], SwimState::Alive, epoch());
            members.set_state(keys[0], SwimState::Dead, epoch());
        }
        assert_eq!((members.departures.len(), members.gone.len()), (1, 1));
    }

    /// Twice the same packet at the same time would be lost together.
    #[test]
    fn nobody_is_picked_twice_when_there_are_fewer_than_are_wanted() {
        for others in 1..6 {
            let (mut members, keys, mut rng) = members(others);
            for turns in [Turns::FromUs, Turns::UsLast] {
                for (count, distinct) in [(3, 4), (3, 1), (8, 4), (8, 16)] {
                    let mut picked = Vec::new();
                    members.pick_in_turn(&mut rng, count, distinct, turns, &mut picked);
                    let different: BTreeSet<Key> = picked.iter().copied().collect();
                    assert_eq!(picked.len(), different.len(), "{others} {turns:?} {count}");
                    assert!(distinct < count || picked.len() == count.min(keys.len()));
                }
            }
        }
    }
}
