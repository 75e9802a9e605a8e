//! The members: by name, in probe order, and at random.
//!
//! Every question asked on the hot path is answered in constant time, however many members there
//! are. Who is probed next comes from a list of those that can be; who is told or asked at random
//! comes from another, kept in zones by state. A member knows its place in both.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Index, IndexMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::api::incarnation::Incarnation;
use crate::api::member::Node;
use crate::machinery::rng::Rng;
use crate::machinery::table::{Key, Row, Table, push_tight};
use crate::memberlist::members::suspicion::{Suspicion, Terms};

/// What we believe of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Alive,
    Suspect,
    Dead,
    Left,
}

/// One member, ourselves included.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) node: Arc<Node>,
    pub(crate) incarnation: Incarnation,
    state: State,
    /// Our last probe of it failed.
    pub(crate) missed: bool,
    /// Where in the two lists it is, or [`NOWHERE`].
    probe_place: u32,
    pick_place: u32,
}

const NOWHERE: u32 = u32::MAX;

/// The memory of how many suspicions is kept for others.
const SPARE_MAX: usize = 64;

impl Peer {
    fn alive(node: Arc<Node>, incarnation: Incarnation) -> Self {
        Self {
            node,
            incarnation,
            state: State::Alive,
            missed: false,
            probe_place: NOWHERE,
            pick_place: NOWHERE,
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.state >= State::Dead
    }
}

impl Row for Peer {
    fn node(&self) -> &Arc<Node> {
        &self.node
    }
    fn node_mut(&mut self) -> &mut Arc<Node> {
        &mut self.node
    }
}

#[derive(Debug)]
pub(crate) struct Members {
    table: Table<Peer>,
    /// Ourselves, once we are a member.
    me: Option<Key>,
    /// The rows of those that can be probed: alive or suspect, and not ourselves. Those before
    /// `probe_next` have had their turn in this round.
    probe_order: Vec<u32>,
    probe_next: usize,
    /// The rows of everybody else but those that left, by zone: first the alive, then the suspects,
    /// then the dead.
    picks: Vec<u32>,
    /// Where each zone ends.
    zone_ends: [usize; 3],
    picked: Vec<usize>,
    /// The suspicions going on. Like departures, they have no place in each member: few are affected.
    suspicions: BTreeMap<Key, Suspicion>,
    /// The memory of suspicions that are over.
    spare: Vec<String>,
    /// Others that died or left, and since when.
    gone: BTreeMap<Key, Instant>,
    /// The same, the first first.
    departed: BTreeSet<(Instant, Key)>,
}

impl Members {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self {
            table: Table::new(rng),
            me: None,
            probe_order: Vec::new(),
            probe_next: 0,
            picks: Vec::new(),
            zone_ends: [0; 3],
            picked: Vec::new(),
            suspicions: BTreeMap::new(),
            spare: Vec::new(),
            gone: BTreeMap::new(),
            departed: BTreeSet::new(),
        }
    }

    /// All there are, ourselves and those that are gone but not forgotten included: the size that
    /// every formula goes by, as in Go.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// How many others are alive or suspect.
    pub(crate) fn live_others(&self) -> usize {
        self.zone_ends[State::Suspect as usize]
    }

    pub(crate) fn me(&self) -> Option<Key> {
        self.me
    }

    pub(crate) fn find(&self, name: &str) -> Option<Key> {
        self.table.find(name)
    }

    pub(crate) fn knows_addr(&self, addr: std::net::SocketAddr) -> bool {
        self.table.find_addr(addr).is_some()
    }

    /// Since when a member is gone, if it is.
    pub(crate) fn gone_since(&self, key: Key) -> Option<Instant> {
        self.gone.get(&key).copied()
    }

    /// Whether a member at this address is alive or suspect, or it is ours.
    pub(crate) fn is_live_at(&self, addr: std::net::SocketAddr) -> bool {
        self.table.any_at(addr, |peer| !peer.is_gone())
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Peer> {
        self.table.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Peer> {
        self.table.get_mut(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.table.iter().map(|(_, peer)| peer)
    }

    /// Adds ourselves, alive.
    pub(crate) fn insert_me(&mut self, node: Arc<Node>, incarnation: Incarnation) -> Key {
        let key = self.table.insert(Peer::alive(node, incarnation));
        self.me = Some(key);
        key
    }

    /// Adds another node, alive.
    pub(crate) fn insert(&mut self, node: Arc<Node>, incarnation: Incarnation) -> Key {
        let key = self.table.insert(Peer::alive(node, incarnation));
        self.place(key);
        key
    }

    pub(crate) fn set_node(&mut self, key: Key, node: Arc<Node>) {
        self.table.set_node(key, node);
    }

    /// Changes what we believe of a member, from now on.
    pub(crate) fn set_state(&mut self, key: Key, state: State, now: Instant) {
        self.leave_picks(key);
        if state > State::Suspect {
            self.leave_probes(key);
        }
        self.table[key].state = state;
        self.place(key);
        self.forget_departure(key);
        if state >= State::Dead && Some(key) != self.me {
            self.gone.insert(key, now);
            self.departed.insert((now, key));
        }
    }

    /// Starts to suspect a member; tells until when it can object.
    pub(crate) fn suspect(
        &mut self,
        key: Key,
        accuser: &str,
        terms: Terms,
        now: Instant,
    ) -> Instant {
        self.set_state(key, State::Suspect, now);
        let mut accusers = self.spare.pop().unwrap_or_default();
        accusers.push_str(accuser);
        let suspicion = Suspicion::new(now, accusers, terms);
        let deadline = suspicion.deadline();
        self.suspicions.insert(key, suspicion);
        deadline
    }

    /// What there is against a suspect.
    pub(crate) fn suspicion(&mut self, key: Key) -> Option<&mut Suspicion> {
        self.suspicions.get_mut(&key)
    }

    /// Drops what there is against a suspect, if it is one.
    pub(crate) fn drop_suspicion(&mut self, key: Key) {
        if let Some(suspicion) = self.suspicions.remove(&key)
            && self.spare.len() < SPARE_MAX
        {
            let mut accusers = suspicion.into_accusers();
            accusers.clear();
            self.spare.push(accusers);
        }
    }

    /// The next to be probed.
    ///
    /// Unlike Go, which shuffles the whole list after each round, this takes one step of the shuffle
    /// at a time: every order is still as likely as any other, everybody still has one turn in each
    /// round, and no tick has to touch all members.
    pub(crate) fn next_probe(&mut self, rng: &mut Rng) -> Option<Key> {
        let len = self.probe_order.len();
        if self.probe_next >= len {
            self.probe_next = 0;
        }
        let left = len - self.probe_next;
        if left == 0 {
            return None;
        }
        let chosen = self.probe_next + rng.index(left);
        self.swap_probes(self.probe_next, chosen);
        self.probe_next += 1;
        Some(self.table.key_at(self.probe_order[self.probe_next - 1]))
    }

    /// Appends up to `count` others to `picked`, at random, that are in `worst` state or better.
    ///
    /// Unlike older Go, which draws blindly and now and then misses the only one there is (hm#350).
    pub(crate) fn pick(
        &mut self,
        rng: &mut Rng,
        count: usize,
        worst: State,
        except: Option<Key>,
        picked: &mut Vec<Key>,
    ) {
        let len = self.zone_ends[worst as usize];
        // One more, in case the exception is among them.
        rng.pick(count + usize::from(except.is_some()), len, &mut self.picked);
        let keys = self.picked.iter().map(|&place| self.table.key_at(self.picks[place]));
        picked.extend(keys.filter(|&key| Some(key) != except).take(count));
    }

    /// When the first of those that are gone will have been so for `keep`.
    pub(crate) fn next_forgotten(&self, keep: Duration) -> Option<Instant> {
        self.departed.first().map(|(since, _)| *since + keep)
    }

    /// Removes those that have been gone for `keep`.
    ///
    /// Unlike Go, which does so when a round of probes begins, however long that takes.
    pub(crate) fn forget(&mut self, now: Instant, keep: Duration) {
        while let Some(&(since, key)) = self.departed.first()
            && since + keep <= now
        {
            self.forget_departure(key);
            self.leave_picks(key);
            self.table.remove(key);
        }
    }

    fn forget_departure(&mut self, key: Key) {
        if let Some(since) = self.gone.remove(&key) {
            self.departed.remove(&(since, key));
        }
    }

    /// Enters a member where its state says. One that is to be probed already keeps its turn: being
    /// accused, or cleared, makes nobody due again in the same round.
    fn place(&mut self, key: Key) {
        let Peer { state, probe_place, .. } = self.table[key];
        if Some(key) == self.me {
            return;
        }
        if state <= State::Suspect && probe_place == NOWHERE {
            self.table[key].probe_place = self.probe_order.len() as u32;
            push_tight(&mut self.probe_order, key.index());
        }
        if state == State::Left {
            return;
        }
        push_tight(&mut self.picks, key.index());
        let mut place = self.picks.len() - 1;
        self.note_pick(place);
        let dead = State::Dead as usize;
        self.zone_ends[dead] += 1;
        for zone in (state as usize..dead).rev() {
            let first = self.zone_ends[zone];
            self.swap_picks(place, first);
            self.zone_ends[zone] += 1;
            place = first;
        }
    }

    fn leave_probes(&mut self, key: Key) {
        let mut place = self.table[key].probe_place as usize;
        if place == NOWHERE as usize {
            return;
        }
        if place < self.probe_next {
            self.probe_next -= 1;
            self.swap_probes(place, self.probe_next);
            place = self.probe_next;
        }
        self.swap_probes(place, self.probe_order.len() - 1);
        self.probe_order.pop();
        self.table[key].probe_place = NOWHERE;
    }

    fn leave_picks(&mut self, key: Key) {
        let peer = &self.table[key];
        let (zone, mut place) = (peer.state as usize, peer.pick_place as usize);
        if place == NOWHERE as usize {
            return;
        }
        for zone in zone..=State::Dead as usize {
            self.zone_ends[zone] -= 1;
            let last = self.zone_ends[zone];
            self.swap_picks(place, last);
            place = last;
        }
        self.picks.pop();
        self.table[key].pick_place = NOWHERE;
    }

    fn swap_probes(&mut self, a: usize, b: usize) {
        self.probe_order.swap(a, b);
        for place in [a, b] {
            let key = self.table.key_at(self.probe_order[place]);
            self.table[key].probe_place = place as u32;
        }
    }

    fn swap_picks(&mut self, a: usize, b: usize) {
        self.picks.swap(a, b);
        self.note_pick(a);
        self.note_pick(b);
    }

    fn note_pick(&mut self, place: usize) {
        let key = self.table.key_at(self.picks[place]);
        self.table[key].pick_place = place as u32;
    }
}

impl Index<Key> for Members {
    type Output = Peer;

    fn index(&self, key: Key) -> &Peer {
        &self.table[key]
    }
}

impl IndexMut<Key> for Members {
    fn index_mut(&mut self, key: Key) -> &mut Peer {
        &mut self.table[key]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing::{epoch, node};

    fn members(count: usize) -> (Members, Vec<Key>, Rng) {
        let mut rng = Rng::new([0; 32]);
        let mut members = Members::new(&mut rng);
        let node = |n: usize| node(&format!("n{n}"), "127.0.0.1:7946");
        let incarnation = Incarnation::new(1, 0);
        members.insert_me(node(0), incarnation);
        let keys = (1..=count).map(|n| members.insert(node(n), incarnation)).collect();
        (members, keys, rng)
    }

    #[test]
    fn a_round_probes_everybody_once_in_any_order() {
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
    fn who_is_accused_or_cleared_keeps_its_turn() {
        let (mut members, keys, mut rng) = members(10);
        let mut round = Vec::new();
        for _ in 0..10 {
            let probed = members.next_probe(&mut rng).unwrap();
            members.set_state(probed, State::Suspect, epoch());
            if round.len() % 2 == 0 {
                members.set_state(probed, State::Alive, epoch());
            }
            round.push(probed);
        }
        round.sort_unstable();
        assert_eq!(round, keys);
    }

    #[test]
    fn those_that_are_gone_are_not_probed_and_others_keep_their_turn() {
        let (mut members, keys, mut rng) = members(10);
        let now = epoch();
        let early: Vec<Key> = (0..4).filter_map(|_| members.next_probe(&mut rng)).collect();
        members.set_state(early[0], State::Dead, now);
        let unprobed = keys.iter().find(|key| !early.contains(key)).unwrap();
        members.set_state(*unprobed, State::Left, now);
        let rest: BTreeSet<Key> = (0..5).filter_map(|_| members.next_probe(&mut rng)).collect();
        let expected = keys.iter().filter(|key| !early.contains(key) && *key != unprobed);
        assert_eq!(rest, expected.copied().collect());
    }

    #[test]
    fn nobody_to_probe_is_nobody() {
        let (mut members, keys, mut rng) = members(1);
        members.set_state(keys[0], State::Dead, epoch());
        assert_eq!(members.next_probe(&mut rng), None);
    }

    #[test]
    fn picks_know_who_is_alive_suspect_and_dead() {
        let (mut members, keys, mut rng) = members(6);
        let now = epoch();
        members.set_state(keys[0], State::Suspect, now);
        members.set_state(keys[1], State::Dead, now);
        members.set_state(keys[2], State::Left, now);
        members.set_state(keys[3], State::Dead, now);
        members.set_state(keys[3], State::Alive, now);
        let mut pick = |worst, except| {
            let mut picked = Vec::new();
            members.pick(&mut rng, 10, worst, except, &mut picked);
            picked.sort_unstable();
            picked
        };
        assert_eq!(pick(State::Alive, None), &keys[3..]);
        assert_eq!(pick(State::Alive, Some(keys[4])), [keys[3], keys[5]]);
        assert_eq!(pick(State::Suspect, None), [keys[0], keys[3], keys[4], keys[5]]);
        assert_eq!(pick(State::Dead, None), [keys[0], keys[1], keys[3], keys[4], keys[5]]);
        assert_eq!(members.live_others(), 4);
    }

    #[test]
    fn an_exception_leaves_as_many_as_were_asked_for() {
        let (mut members, keys, mut rng) = members(4);
        for _ in 0..100 {
            let mut picked = Vec::new();
            members.pick(&mut rng, 3, State::Alive, Some(keys[0]), &mut picked);
            picked.sort_unstable();
            assert_eq!(picked, &keys[1..]);
        }
    }

    #[test]
    fn nobody_is_passed_over_for_the_sake_of_an_exception() {
        let (mut members, keys, mut rng) = members(6);
        let mut times = [0; 6];
        for _ in 0..2500 {
            let mut picked = Vec::new();
            members.pick(&mut rng, 2, State::Alive, Some(keys[0]), &mut picked);
            picked.iter().for_each(|key| {
                times[keys.iter().position(|it| it == key).expect("it is one of them")] += 1;
            });
        }
        assert_eq!(times[0], 0);
        assert!(times[1..].iter().all(|times| (850..1150).contains(times)), "{times:?}");
    }

    #[test]
    fn the_gone_are_forgotten_in_time_unless_they_are_back() {
        let (mut members, keys, _) = members(3);
        let keep = Duration::from_secs(30);
        let start = epoch();
        let at = |secs| start + Duration::from_secs(secs);
        members.set_state(keys[0], State::Dead, at(0));
        members.set_state(keys[1], State::Left, at(1));
        members.set_state(keys[0], State::Alive, at(2));
        members.set_state(keys[0], State::Dead, at(3));
        assert_eq!(members.next_forgotten(keep), Some(at(31)));
        members.forget(at(31), keep);
        assert!(members.get(keys[0]).is_some());
        assert!(members.get(keys[1]).is_none());
        assert_eq!(members.next_forgotten(keep), Some(at(33)));
        members.forget(at(33), keep);
        assert!(members.get(keys[0]).is_none());
        assert_eq!(members.next_forgotten(keep), None);
        assert_eq!(members.len(), 2);
    }

    #[test]
    fn whoever_comes_and_goes_leaves_one_trace() {
        let (mut members, keys, _) = members(1);
        for _ in 0..100 {
            members.set_state(keys[0], State::Alive, epoch());
            members.set_state(keys[0], State::Dead, epoch());
        }
        assert_eq!((members.departed.len(), members.gone.len()), (1, 1));
    }
}
