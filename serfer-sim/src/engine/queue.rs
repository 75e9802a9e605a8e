//! A heap of everything that is due.
//!
//! At one instant, deadlines come first, in the order of the nodes, because a runtime looks at its
//! clock before its sockets. Then comes everything else, in the order in which it was queued.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::Duration;

use serfer_proto::StoredFile;

use crate::network::EndId;
use crate::node_id::NodeId;

/// Something that will happen.
#[derive(Debug)]
pub(crate) enum Due {
    /// A node's deadline has come, unless the deadline was moved.
    Wake(NodeId),
    /// A datagram reaches an address.
    Datagram { from: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
    /// A node is told that its own network stack refused a datagram.
    SendFailed { node: NodeId, life: u32, to: SocketAddr },
    /// A node is told that a file could not be written.
    StoreFailed { node: NodeId, life: u32, file: StoredFile },
    /// A node is told that its keyring is written.
    KeyringStored { node: NodeId, life: u32 },
    /// The next segment arrives at an end of a pipe.
    Segment(EndId),
    /// Everything that an end wanted to send before it closes has left.
    Closed(EndId),
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<QueueEntry>>,
    pushed: u64,
}

#[derive(Debug)]
struct QueueEntry {
    at: Duration,
    rank: u64,
    due: Due,
}

/// Ranks from here on are not deadlines.
const AFTER_DEADLINES: u64 = 1 << 32;

impl Queue {
    pub(crate) fn push(&mut self, at: Duration, due: Due) {
        let rank = match &due {
            Due::Wake(node) => node.index() as u64,
            Due::Datagram { .. }
            | Due::SendFailed { .. }
            | Due::StoreFailed { .. }
            | Due::KeyringStored { .. }
            | Due::Segment(_)
            | Due::Closed(_) => {
                self.pushed += 1;
                AFTER_DEADLINES + self.pushed
            }
        };
        self.heap.push(Reverse(QueueEntry { at, rank, due }));
    }

    /// Takes the first entry that is due no later than `end`.
    pub(crate) fn pop_until(&mut self, end: Duration) -> Option<(Duration, Due)> {
        if self.heap.peek()?.0.at > end {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.due))
    }
}

impl Ord for QueueEntry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.rank).cmp(&(other.at, other.rank))
    }
}

impl PartialOrd for QueueEntry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for QueueEntry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for QueueEntry {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_one_instant_deadlines_come_first_and_the_rest_in_order() {
        let at = Duration::from_secs(1);
        let addr = |port| SocketAddr::from(([10, 0, 0, 1], port));
        let datagram = |port| Due::Datagram { from: addr(1), to: addr(port), bytes: Vec::new() };
        let mut queue = Queue::default();
        queue.push(at, datagram(1));
        queue.push(at, datagram(2));
        queue.push(at, Due::Wake(NodeId::new(1)));
        queue.push(at, Due::Wake(NodeId::new(0)));
        queue.push(Duration::ZERO, datagram(0));

        let order: Vec<_> = std::iter::from_fn(|| queue.pop_until(at))
            .map(|(_, due)| match due {
                Due::Wake(node) => format!("node {}", node.index()),
                Due::Datagram { to, .. } => format!("port {}", to.port()),
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(order, ["port 0", "node 0", "node 1", "port 1", "port 2"]);
    }
}
