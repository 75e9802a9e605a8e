//! The state of failure detection: the round going on, and the pings for others.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use crate::machinery::{Key, Rng};
use crate::memberlist::probe::isolation::Isolation;
use crate::wire::message::Nack;

#[derive(Debug, Default)]
pub(crate) struct Prober {
    pub(crate) round: Option<ProbeRound>,
    /// A round was due while another was still going on.
    pub(crate) overdue: bool,
    /// Numbers pings: our own and those for others. Starts at random, so that nobody can guess it.
    last_seq: u32,
    pub(crate) isolation: Isolation,
    /// Pings for others, by our number.
    pub(crate) relayed: BTreeMap<u32, RelayedPing>,
}

/// The probe of one member.
#[derive(Debug)]
pub(crate) struct ProbeRound {
    pub(crate) target: Key,
    pub(crate) seq: u32,
    pub(crate) incarnation: u32,
    pub(crate) sent: Instant,
    pub(crate) deadline: Instant,
    /// The local network stack refused to send the ping.
    pub(crate) send_failed: bool,
    pub(crate) stream_acked: bool,
    pub(crate) nacks_expected: u32,
    pub(crate) nacks: u32,
}

/// A ping for another node.
#[derive(Debug)]
pub(crate) struct RelayedPing {
    pub(crate) answer_to: SocketAddr,
    /// The number of its indirect ping.
    pub(crate) seq: u32,
    pub(crate) wants_nack: bool,
}

impl Prober {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self { last_seq: rng.u32(), ..Self::default() }
    }

    pub(crate) fn next_seq(&mut self) -> u32 {
        self.last_seq = self.last_seq.wrapping_add(1);
        self.last_seq
    }

    /// The round that this number belongs to, if it is still going on.
    pub(crate) fn round_of(&mut self, seq: u32) -> Option<&mut ProbeRound> {
        self.round.as_mut().filter(|round| round.seq == seq)
    }

    /// A helper could not reach the member either.
    pub(crate) fn on_nack(&mut self, nack: Nack) {
        if let Some(round) = self.round_of(nack.seq) {
            round.nacks += 1;
        }
    }

    /// The member answered over a stream.
    pub(crate) fn on_stream_ack(&mut self, seq: u32) {
        if let Some(round) = self.round_of(seq) {
            round.stream_acked = true;
        }
    }
}
