//! What the driver has to do outside the lock: as much as is taken at once.

use std::net::SocketAddr;
use std::time::Instant;

use serfer_proto::{StoredFile, StreamId};

use super::backlog::Overflow;
use super::wakers::Wakers;
use super::{Action, State};

/// How many outputs are taken at once: the lock must not be held for long.
const OUTPUTS_MAX: usize = 32;

/// How much memory a batch keeps that has been performed.
const KEEP_BYTES: usize = 8 << 10;

/// Outputs that the driver performs, in the order of their kinds.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    /// To whom, and where in `bytes` it ends.
    datagrams: Vec<(SocketAddr, usize)>,
    pub(crate) dials: Vec<(StreamId, SocketAddr)>,
    /// These files' disks do not keep up.
    pub(crate) overflows: Vec<(StoredFile, Overflow)>,
}

/// What comes after a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterBatch {
    /// Another batch.
    More,
    /// Wait for an input, or until then.
    Wait(Option<Instant>),
    /// Shut down.
    ShutDown,
}

impl Batch {
    #[cfg(test)]
    pub(crate) fn to(to: SocketAddr, data: &[u8]) -> Self {
        Self { bytes: data.to_vec(), datagrams: vec![(to, data.len())], ..Self::default() }
    }

    /// The datagrams to send.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let mut start = 0;
        self.datagrams.iter().map(move |&(to, end)| {
            let data = &self.bytes[start..end];
            start = end;
            (to, data)
        })
    }

    /// Forgets the datagrams, which are sent.
    pub(crate) fn sent(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEEP_BYTES);
        self.datagrams.clear();
    }
}

impl State {
    /// Takes outputs into an empty batch. The wakers of readers that have something to read are added to
    /// `wakers`.
    pub(crate) fn take(&mut self, batch: &mut Batch, wakers: &mut Wakers) -> AfterBatch {
        for _ in 0..OUTPUTS_MAX {
            match self.poll(&mut batch.bytes, wakers) {
                Action::Send(to) => batch.datagrams.push((to, batch.bytes.len())),
                Action::Connect(stream, to) => batch.dials.push((stream, to)),
                Action::ReportOverflow(file, overflow) => batch.overflows.push((file, overflow)),
                Action::Wait(until) => return AfterBatch::Wait(until),
                Action::ShutDown => return AfterBatch::ShutDown,
            }
        }
        AfterBatch::More
    }
}

#[cfg(test)]
mod tests {
    use serfer_proto::wire::kind;
    use serfer_proto::wire::message::{Message, Ping};

    use super::*;
    use crate::node::testing::TestNode;
    use crate::router::Router;

    #[test]
    fn a_batch_takes_so_many_outputs_and_keeps_datagrams_apart() {
        const PINGS: u16 = OUTPUTS_MAX as u16 + 3;
        let node = TestNode::with(Router::new());
        node.settle();
        let asker = |port| SocketAddr::from(([127, 0, 0, 1], port));
        for port in 1..=PINGS {
            let mut ping = Vec::new();
            let message = Ping { node: "alone".into(), seq: port.into(), ..Ping::default() };
            Message::Ping(message).encode(&mut ping);
            node.shared.drive(|endpoint, now| {
                endpoint.handle_datagram(now, asker(port), &mut ping);
            });
        }
        let (mut batch, mut wakers) = (Batch::default(), Wakers::default());
        let mut answered = Vec::new();
        for expected in [OUTPUTS_MAX, 3] {
            let next = node.shared.with(|state| state.take(&mut batch, &mut wakers)).unwrap();
            assert_eq!(next == AfterBatch::More, expected == OUTPUTS_MAX, "{next:?}");
            assert_eq!(batch.datagrams().count(), expected);
            for (to, ack) in batch.datagrams() {
                // With news or without.
                assert!([kind::ACK, kind::COMPOUND].contains(&ack[0]), "{ack:?}");
                answered.push(to);
            }
            batch.sent();
        }
        assert_eq!(answered, (1..=PINGS).map(asker).collect::<Vec<_>>());
    }
}
