//! Finds rings in a graph.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// For each file the files that it uses, with the number of names.
pub(super) type Graph<'a> = BTreeMap<&'a str, BTreeMap<&'a str, usize>>;

/// Takes the shortest ring, cuts its edge with the fewest names, and goes on until no ring is left.
pub(super) fn rings<'a>(mut graph: Graph<'a>) -> Vec<Vec<&'a str>> {
    let mut rings = Vec::new();
    while let Some(ring) = shortest(&graph) {
        let ends = edges(&ring);
        let weakest = ends.min_by_key(|(from, to)| graph[from][to]).expect("a ring has edges");
        graph.get_mut(weakest.0).expect("it is in the ring").remove(weakest.1);
        rings.push(ring);
    }
    rings
}

/// The edges of a ring.
pub(super) fn edges<'a>(ring: &[&'a str]) -> impl Iterator<Item = (&'a str, &'a str)> {
    let next = ring.iter().copied().cycle().skip(1);
    ring.iter().copied().zip(next)
}

fn shortest<'a>(graph: &Graph<'a>) -> Option<Vec<&'a str>> {
    graph.keys().filter_map(|start| around(graph, start)).min_by_key(Vec::len)
}

/// The shortest ring through a file.
fn around<'a>(graph: &Graph<'a>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut ways = VecDeque::from([vec![start]]);
    let mut been = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let last = way.last().expect("a way has a start");
        for next in graph.get(last).into_iter().flatten().map(|(next, _)| *next) {
            if next == start {
                return Some(way);
            }
            if been.insert(next) {
                ways.push_back(way.iter().copied().chain([next]).collect());
            }
        }
    }
    None
}
