//! Failure detection: in each interval one member is probed.
//!
//! The rest of memberlist enters with pings, acks and nacks. Read [`prober`] for the state, [`round`]
//! for a round of probes, [`round_trips`] for how long it waits for its ack, [`indirect`] for pings on behalf of others, [`ping`] for how a ping is
//! written and answered. Then [`awareness`] and [`isolation`]: how far this node trusts its own
//! verdicts. A probe that fails ends in [`members::suspect`](super::members::suspect).

pub(crate) mod awareness;
pub(crate) mod indirect;
pub(crate) mod isolation;
pub(crate) mod ping;
pub(crate) mod prober;
pub(crate) mod round;
pub(crate) mod round_trips;
