//! The doors: a method for each thing that can happen, and one way out.
//!
//! An endpoint owns both layers and what they share. Each door hands its input to one of the layers, which
//! decides what follows; nothing is decided here. Runtimes and simulations enter. Read this file, then the
//! rest in any order: inputs from outside are in `network.rs`, timers in
//! `deadlines.rs`, what the application asks for in `calls.rs`, and what it can look at in `views.rs`.

mod calls;
mod deadlines;
mod network;
mod views;

use std::time::Instant;

use crate::api::ConfigError;
use crate::config::Config;
use crate::config::params::Params;
use crate::machinery::{Core, Output, Rng, Unpacker};
use crate::memberlist::Memberlist;
use crate::serf::Serf;

/// One node, as a state machine.
///
/// **The contract:** after any call with `&mut self`, drain [`poll_output`](Self::poll_output) until
/// it says [`Output::Wait`]. That is all.
///
/// Time is an argument and may stand still or even go back; randomness is the seed. The same calls
/// give the same outputs.
pub struct Endpoint {
    memberlist: Memberlist<Serf>,
    serf: Serf,
    core: Core,
    unpacker: Unpacker,
}

impl Endpoint {
    /// Makes a node. It is a member, the only one, from now on.
    ///
    /// `seed` feeds every random choice, the nonces of encryption included: give it 32 bytes from
    /// the operating system, or a fixed value in tests. Two nodes, or two runs of one, must not have
    /// the same seed *and* the same key, for then they repeat nonces, which breaks AES-GCM.
    ///
    /// # Errors
    /// If the configuration cannot work: everything that is wrong with it.
    pub fn new(config: Config, seed: [u8; 32], now: Instant) -> Result<Self, ConfigError> {
        let params = Params::try_from(&config)?;
        let mut rng = Rng::new(seed);
        let mut endpoint = Self {
            memberlist: Memberlist::new(&config, &mut rng),
            serf: Serf::new(&config, &mut rng),
            unpacker: Unpacker::new(config.limits.inflated_packet_len),
            core: Core::new(params, &config, rng, now),
        };
        let cx = &mut endpoint.core.cx(now);
        let meta = endpoint.serf.meta(cx);
        let (memberlist, serf) = (&mut endpoint.memberlist, &mut endpoint.serf);
        memberlist.announce(cx, serf, &meta);
        if cx.params.keeps_snapshot {
            let peers = serf.expect_missing(cx);
            memberlist.rejoin(cx, serf, peers);
        }
        Ok(endpoint)
    }

    /// The next thing to do. Bytes that belong to it are appended to `buf`, so a simple runtime
    /// clears it before each call, and one that sends many datagrams at once does not.
    ///
    /// Decides nothing and needs no time: everything was decided by the call that came before.
    pub fn poll_output(&mut self, buf: &mut Vec<u8>) -> Output {
        let queued = self.core.out.pop(buf);
        queued.unwrap_or_else(|| Output::Wait { until: self.core.timers.next().map(|(at, _)| at) })
    }
}

/// Shows which node it is and how many members it knows. Everything else may be very long.
impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("local_member", self.local_member())
            .field("members", &self.members().count())
            .finish_non_exhaustive()
    }
}
