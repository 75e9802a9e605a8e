//! Members by name, by address, and by a key that never dangles.
//!
//! Both layers keep their members in one of these. Rows live in a slab and are found through two
//! hash tables that hold nothing but row numbers. Iteration goes over the slab, never over a hash table, so
//! its order does not depend on hashes. Hashes are keyed from the seed: runs repeat, and nobody can
//! choose names that collide.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::ops::{Index, IndexMut};

use crate::api::Node;
use crate::machinery::hash_key::HashKey;
use crate::machinery::rng::Rng;
use crate::machinery::row_index::RowIndex;
use crate::wire::msgpack::Text;

/// Names one row for ever. The key of a removed row finds nothing, even when another row takes its
/// slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// The number of the row, valid as long as the row is there.
    pub(crate) fn index(self) -> u32 {
        self.index
    }
}

/// How many rows were in the same place before. Only the table counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Generation(u32);

/// A row about one node. It keeps its generation itself, where that fits between other fields.
pub(crate) trait Row {
    fn node(&self) -> &Node;
    fn node_mut(&mut self) -> &mut Node;
    fn generation(&self) -> Generation;
    fn set_generation(&mut self, generation: Generation);
}

#[derive(Debug)]
pub(crate) struct Table<T> {
    slots: Vec<Option<T>>,
    /// Empty slots, and the generation of what comes next into each.
    free: Vec<(u32, Generation)>,
    by_name: RowIndex,
    /// One row of each IP address.
    by_ip: RowIndex,
    /// The other rows of an IP address that several members share. Most clusters have hardly any. In the
    /// hash table, many members at one IP address would form one long chain.
    twins: BTreeSet<(SocketAddr, u32)>,
    hash_key: HashKey,
}

impl<T: Row> Table<T> {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_name: RowIndex::default(),
            by_ip: RowIndex::default(),
            twins: BTreeSet::new(),
            hash_key: HashKey::new(rng),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Adds a row whose name is not in the table yet.
    pub(crate) fn insert(&mut self, mut row: T) -> Key {
        debug_assert!(self.find(row.node().name()).is_none(), "names are unique");
        let (index, generation) = self.free.pop().unwrap_or_else(|| {
            push_tight(&mut self.slots, None);
            ((self.slots.len() - 1) as u32, Generation::default())
        });
        row.set_generation(generation);
        self.slots[index as usize] = Some(row);
        let (slots, hash_key) = (&self.slots, &self.hash_key);
        let name_hash = |index| Some(hash_key.hash(node_in(slots, index)?.name_text().0));
        self.by_name.insert(index, slots.len(), name_hash);
        self.index_addr(index);
        Key { index, generation: generation.0 }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        self.unindex_addr(key.index);
        let name_hash = self.hash_of(self[key].node().name_text().0);
        let was_there = self.by_name.remove(name_hash, key.index);
        debug_assert!(was_there, "every row is indexed by its name");
        self.free.push((key.index, Generation(key.generation.wrapping_add(1))));
        self.slots[key.index as usize].take()
    }

    pub(crate) fn find(&self, name: &str) -> Option<Key> {
        self.find_text(name.into())
    }

    /// The same by a name as it was received. What is no name is that of no row.
    pub(crate) fn find_text(&self, name: Text<'_>) -> Option<Key> {
        let is_it = |index| node_at(&self.slots, index).name_text() == name;
        let found = self.by_name.find(self.hash_of(name.0), is_it);
        found.map(|index| self.key_at(index))
    }

    /// Some row of this address: names may share one.
    pub(crate) fn find_addr(&self, addr: SocketAddr) -> Option<Key> {
        self.rows_at(addr, addr).next().map(|index| self.key_at(index))
    }

    /// Whether any row of this address satisfies the condition.
    pub(crate) fn any_at(&self, addr: SocketAddr, is_such: impl Fn(&T) -> bool) -> bool {
        self.rows_at(addr, addr).any(|index| self.at(index as usize).is_some_and(&is_such))
    }

    /// How many rows of this IP address, whatever their ports, satisfy the condition. It looks at `max`
    /// of them at most.
    pub(crate) fn count_at(&self, ip: IpAddr, max: usize, is_such: impl Fn(&T) -> bool) -> usize {
        let (first, last) = (SocketAddr::new(ip, 0), SocketAddr::new(ip, u16::MAX));
        let rows = self.rows_at(first, last).take(max);
        rows.filter(|&index| self.at(index as usize).is_some_and(&is_such)).count()
    }

    /// The rows of addresses from `first` to `last`, which have the same IP address.
    fn rows_at(&self, first: SocketAddr, last: SocketAddr) -> impl Iterator<Item = u32> {
        let (slots, ip) = (&self.slots, first.ip());
        let found = self.by_ip.find(self.hash_key.hash_ip(ip), |index| ip_at(slots, index) == ip);
        let is_within = move |index: &u32| (first..=last).contains(&node_at(slots, *index).addr());
        let twins = self.twins.range((first, 0)..=(last, u32::MAX)).map(|&(_, index)| index);
        found.filter(is_within).into_iter().chain(twins)
    }

    /// A row of this address that satisfies the condition. Looks at a few only, however many share it.
    pub(crate) fn first_at(
        &self,
        addr: SocketAddr,
        is_such: impl Fn(Key, &T) -> bool,
    ) -> Option<Key> {
        const LOOKED_AT: usize = 8;
        let first = self.find_addr(addr).map(|key| key.index);
        let twins = self.twins.range((addr, 0)..=(addr, u32::MAX)).map(|&(_, index)| index);
        let keys = first.into_iter().chain(twins).take(LOOKED_AT).map(|index| self.key_at(index));
        keys.into_iter().find(|&key| is_such(key, &self[key]))
    }

    /// The hash of a name, or of other bytes, with the key of this table.
    pub(crate) fn hash_of(&self, bytes: &[u8]) -> u64 {
        self.hash_key.hash(bytes)
    }

    /// How many places there are for rows, taken or not.
    pub(crate) fn places(&self) -> usize {
        self.slots.len()
    }

    /// The row at a place, if it is taken.
    pub(crate) fn at(&self, place: usize) -> Option<&T> {
        self.slots.get(place)?.as_ref()
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let row = self.slots.get(key.index as usize)?.as_ref();
        row.filter(|row| row.generation().0 == key.generation)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let row = self.slots.get_mut(key.index as usize)?.as_mut();
        row.filter(|row| row.generation().0 == key.generation)
    }

    /// Replaces the node of a row; its name stays.
    pub(crate) fn set_node(&mut self, key: Key, node: Node) {
        debug_assert_eq!(self[key].node().name_text(), node.name_text(), "a row keeps its name");
        let moved = self[key].node().addr() != node.addr();
        if moved {
            self.unindex_addr(key.index);
        }
        *self[key].node_mut() = node;
        if moved {
            self.index_addr(key.index);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        let rows = self.slots.iter().enumerate();
        rows.filter_map(|(index, row)| Some((key(index as u32, row.as_ref()?), row.as_ref()?)))
    }

    /// The key of the row that has this number now.
    pub(crate) fn key_at(&self, index: u32) -> Key {
        key(index, row_at(&self.slots, index))
    }

    fn index_addr(&mut self, index: u32) {
        let (slots, hash_key) = (&self.slots, &self.hash_key);
        let (addr, ip) = (node_at(slots, index).addr(), ip_at(slots, index));
        if self.by_ip.find(hash_key.hash_ip(ip), |other| ip_at(slots, other) == ip).is_some() {
            self.twins.insert((addr, index));
            return;
        }
        let ip_hash = |index| Some(hash_key.hash_ip(node_in(slots, index)?.addr().ip()));
        self.by_ip.insert(index, slots.len(), ip_hash);
    }

    fn unindex_addr(&mut self, index: u32) {
        let (addr, ip) = (node_at(&self.slots, index).addr(), ip_at(&self.slots, index));
        if self.twins.remove(&(addr, index)) {
            return;
        }
        let was_there = self.by_ip.remove(self.hash_key.hash_ip(ip), index);
        debug_assert!(was_there, "a row that is no twin is indexed by its IP address");
        let (first, last) = (SocketAddr::new(ip, 0), SocketAddr::new(ip, u16::MAX));
        if let Some(twin) = self.twins.range((first, 0)..=(last, u32::MAX)).next().copied() {
            self.twins.remove(&twin);
            self.index_addr(twin.1);
        }
    }
}

impl<T: Row> Index<Key> for Table<T> {
    type Output = T;

    fn index(&self, key: Key) -> &T {
        self.get(key).expect("the row of this key is still there")
    }
}

impl<T: Row> IndexMut<Key> for Table<T> {
    fn index_mut(&mut self, key: Key) -> &mut T {
        self.get_mut(key).expect("the row of this key is still there")
    }
}

/// Pushes onto a vector with an element for each member. It grows by an eighth: doubling would leave
/// up to half of it unused.
pub(crate) fn push_tight<T>(vec: &mut Vec<T>, value: T) {
    if vec.len() == vec.capacity() {
        vec.reserve_exact((vec.len() / 8).max(8));
    }
    vec.push(value);
}

fn key(index: u32, row: &impl Row) -> Key {
    Key { index, generation: row.generation().0 }
}

fn row_at<T>(slots: &[Option<T>], index: u32) -> &T {
    slots[index as usize].as_ref().expect("an indexed row is there")
}

fn node_at<T: Row>(slots: &[Option<T>], index: u32) -> &Node {
    row_at(slots, index).node()
}

fn ip_at<T: Row>(slots: &[Option<T>], index: u32) -> IpAddr {
    node_at(slots, index).addr().ip()
}

/// The node of a row, if it is there.
fn node_in<T: Row>(slots: &[Option<T>], index: u32) -> Option<&Node> {
    slots.get(index as usize)?.as_ref().map(Row::node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::node;

    #[derive(Debug)]
    struct Plain(Node, Generation);

    impl Row for Plain {
        fn node(&self) -> &Node {
            &self.0
        }
        fn node_mut(&mut self) -> &mut Node {
            &mut self.0
        }
        fn generation(&self) -> Generation {
            self.1
        }
        fn set_generation(&mut self, generation: Generation) {
            self.1 = generation;
        }
    }

    fn row(name: &str, addr: &str) -> Plain {
        Plain(node(name, addr), Generation::default())
    }

    fn table() -> Table<Plain> {
        Table::new(&mut Rng::new([0; 32]))
    }

    #[test]
    fn rows_are_found_by_name_by_address_and_by_key() {
        let mut table = table();
        let a = table.insert(row("a", "10.0.0.1:7946"));
        let b = table.insert(row("b", "10.0.0.1:7946"));
        assert_eq!(table.find("a"), Some(a));
        assert_eq!(table.find("c"), None);
        assert!(table.find_addr("10.0.0.1:7946".parse().unwrap()).is_some());
        table.remove(a);
        assert_eq!(table.find_addr("10.0.0.1:7946".parse().unwrap()), Some(b));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn the_key_of_a_removed_row_never_finds_another() {
        let mut table = table();
        let a = table.insert(row("a", "10.0.0.1:7946"));
        table.remove(a);
        let b = table.insert(row("b", "10.0.0.2:7946"));
        assert!(table.get(a).is_none());
        assert!(table.remove(a).is_none());
        assert_eq!(table[b].0.name(), "b");
    }

    #[test]
    fn a_member_that_moves_is_found_where_it_is_now() {
        let mut table = table();
        let a = table.insert(row("a", "10.0.0.1:7946"));
        table.set_node(a, node("a", "10.0.0.2:7946"));
        assert_eq!(table.find_addr("10.0.0.1:7946".parse().unwrap()), None);
        assert_eq!(table.find_addr("10.0.0.2:7946".parse().unwrap()), Some(a));
    }

    #[test]
    fn an_address_is_found_as_long_as_anybody_has_it() {
        let addr: SocketAddr = "10.0.0.1:7946".parse().unwrap();
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
            let mut table = table();
            let keys = ["a", "b", "c"].map(|name| table.insert(row(name, "10.0.0.1:7946")));
            table.insert(row("d", "10.0.0.2:7946"));
            assert_eq!((table.by_ip.len(), table.twins.len()), (2, 2), "no chain of three");
            assert!(["a", "b", "c"].iter().all(|a| table.any_at(addr, |row| *row.0.name() == **a)));
            assert!(!table.any_at(addr, |row| *row.0.name() == *"d"));
            for gone in order {
                let found = table.find_addr(addr).unwrap();
                assert!(table.get(found).is_some_and(|row| row.0.addr() == addr));
                table.remove(keys[gone]);
            }
            assert_eq!(table.find_addr(addr), None);
            assert!(table.twins.is_empty());
        }
    }

    #[test]
    fn members_at_one_ip_address_are_told_apart_by_their_ports_and_counted_together() {
        let mut table = table();
        let addr = |port| SocketAddr::from(([10, 0, 0, 1], port));
        let keys =
            [1, 2, 3].map(|port| table.insert(row(&format!("n{port}"), &addr(port).to_string())));
        table.insert(row("other", "10.0.0.2:1"));
        assert_eq!(
            [1, 2, 3, 4].map(|port| table.find_addr(addr(port)).is_some()),
            [true, true, true, false]
        );
        let ip = addr(0).ip();
        assert_eq!(table.count_at(ip, 9, |_| true), 3);
        assert_eq!(table.count_at(ip, 2, |_| true), 2);
        assert_eq!(table.count_at(ip, 9, |row| row.0.port() == 2), 1);
        table.remove(keys[0]);
        assert_eq!(table.find_addr(addr(1)), None);
        assert_eq!((table.count_at(ip, 9, |_| true), table.find_addr(addr(2))), (2, Some(keys[1])));
        table.set_node(keys[1], node("n2", "10.0.0.3:2"));
        assert_eq!((table.count_at(ip, 9, |_| true), table.find_addr(addr(3))), (1, Some(keys[2])));
    }

    #[test]
    fn rows_come_in_the_order_of_their_places() {
        let mut table = table();
        let keys: Vec<Key> =
            (0..4).map(|i| table.insert(row(&format!("n{i}"), "10.0.0.1:7946"))).collect();
        table.remove(keys[1]);
        table.insert(row("n9", "10.0.0.1:7946"));
        let names: Vec<&str> = table.iter().map(|(_, row)| row.0.name()).collect();
        assert_eq!(names, ["n0", "n9", "n2", "n3"]);
    }
}
