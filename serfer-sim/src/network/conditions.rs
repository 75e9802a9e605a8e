//! What a section of the network does to the packets that pass it. This is plain data.
//!
//! A packet passes three sections: the [outgoing](crate::Sim::outgoing) section of the sender, the
//! [link](crate::Sim::link) between the two nodes, and the [incoming](crate::Sim::incoming) section
//! of the receiver. A link is like the whole [network](crate::Sim::network) until it is changed. The
//! delays of the sections add up, and each section may lose the packet. Datagrams and streams have
//! separate conditions.

use std::ops::Range;
use std::time::Duration;

/// How long a packet takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Latency {
    /// Always the same time.
    Fixed(Duration),
    /// Any time between two bounds, with equal probability.
    Uniform {
        /// The shortest time.
        min: Duration,
        /// The longest time.
        max: Duration,
    },
    /// A minimum plus an exponentially distributed time.
    Exponential {
        /// The shortest time.
        min: Duration,
        /// The mean of the time that is added.
        mean: Duration,
    },
}

impl From<Duration> for Latency {
    fn from(time: Duration) -> Self {
        Self::Fixed(time)
    }
}

impl From<Range<Duration>> for Latency {
    fn from(range: Range<Duration>) -> Self {
        Self::Uniform { min: range.start, max: range.end }
    }
}

/// How many bytes pass in a second. Packets that are sent faster wait in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bandwidth {
    /// Bytes per second.
    pub bytes_per_sec: u64,
    /// How many bytes may wait. A datagram that finds more bytes waiting is lost.
    pub queue_bytes: u64,
}

/// What a section of the network does to the packets that pass it. By default everything passes at
/// once.
///
/// Probabilities are from 0 to 1. Each applies to one datagram or to one chunk of a stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// How long a packet takes. If this varies, datagrams may overtake each other. Bytes of a stream
    /// do not.
    pub latency: Latency,
    /// How likely a packet is lost. A lost chunk of a stream is sent again a while later.
    pub loss: f64,
    /// How likely a datagram arrives twice.
    pub duplicate: f64,
    /// How likely a datagram is delayed by up to 20 ms more, so that others overtake it.
    pub reorder: f64,
    /// How likely one byte of a datagram is changed.
    pub corrupt: f64,
    /// The longest datagram that passes. Longer ones are lost.
    pub mtu: Option<usize>,
    /// How many bytes pass in a second.
    pub bandwidth: Option<Bandwidth>,
    /// How likely a stream is refused when it is dialled.
    pub refuse: f64,
    /// How likely a stream breaks for both sides.
    pub reset: f64,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            latency: Latency::Fixed(Duration::ZERO),
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            corrupt: 0.0,
            mtu: None,
            bandwidth: None,
            refuse: 0.0,
            reset: 0.0,
        }
    }
}

/// A kind of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// UDP.
    Datagrams,
    /// TCP.
    Streams,
    /// Both.
    All,
}

impl Traffic {
    /// Which elements of [`TrafficConditions`] it selects.
    pub(crate) fn kinds(self) -> Range<usize> {
        match self {
            Self::Datagrams => DATAGRAMS..STREAMS,
            Self::Streams => STREAMS..STREAMS + 1,
            Self::All => DATAGRAMS..STREAMS + 1,
        }
    }
}

pub(crate) const DATAGRAMS: usize = 0;
pub(crate) const STREAMS: usize = 1;

/// The conditions for [`DATAGRAMS`] and for [`STREAMS`].
pub(crate) type TrafficConditions = [Conditions; 2];

/// Changes the conditions of one section of the network.
///
/// ```
/// # use std::time::Duration;
/// # use serfer_sim::{Config, Sim};
/// # let ms = Duration::from_millis;
/// let mut sim = Sim::new(1);
/// let [a, b] = sim.nodes(Config::local, ["a", "b"]);
/// sim.network().latency(ms(5)..ms(50)).loss(0.05);
/// sim.link(a, b).datagrams().mtu(1200);
/// sim.incoming(b).streams().refuse(1.0);
/// ```
#[derive(Debug)]
pub struct Tune<'a> {
    conditions: &'a mut TrafficConditions,
    traffic: Traffic,
}

impl<'a> Tune<'a> {
    pub(crate) fn new(conditions: &'a mut TrafficConditions) -> Self {
        Self { conditions, traffic: Traffic::All }
    }

    /// The calls after this one change datagrams only.
    #[must_use]
    pub fn datagrams(self) -> Self {
        Self { traffic: Traffic::Datagrams, ..self }
    }

    /// The calls after this one change streams only.
    #[must_use]
    pub fn streams(self) -> Self {
        Self { traffic: Traffic::Streams, ..self }
    }

    /// Sets all conditions at once.
    pub fn set(self, conditions: Conditions) -> Self {
        self.change(|it| *it = conditions)
    }

    /// Sets how long a packet takes: a time, a range of times, or any [`Latency`].
    pub fn latency(self, latency: impl Into<Latency>) -> Self {
        let latency = latency.into();
        self.change(|it| it.latency = latency)
    }

    /// Sets how likely a packet is lost.
    pub fn loss(self, probability: f64) -> Self {
        self.change(|it| it.loss = probability)
    }

    /// Sets how likely a datagram arrives twice.
    pub fn duplicate(self, probability: f64) -> Self {
        self.change(|it| it.duplicate = probability)
    }

    /// Sets how likely a datagram is delayed, so that others overtake it.
    pub fn reorder(self, probability: f64) -> Self {
        self.change(|it| it.reorder = probability)
    }

    /// Sets how likely one byte of a datagram is changed.
    pub fn corrupt(self, probability: f64) -> Self {
        self.change(|it| it.corrupt = probability)
    }

    /// Sets the length of the longest datagram that passes.
    pub fn mtu(self, bytes: usize) -> Self {
        self.change(|it| it.mtu = Some(bytes))
    }

    /// Sets how many bytes pass in a second.
    pub fn bandwidth(self, bandwidth: Bandwidth) -> Self {
        self.change(|it| it.bandwidth = Some(bandwidth))
    }

    /// Sets how likely a stream is refused when it is dialled.
    pub fn refuse(self, probability: f64) -> Self {
        self.change(|it| it.refuse = probability)
    }

    /// Sets how likely a stream breaks.
    pub fn reset(self, probability: f64) -> Self {
        self.change(|it| it.reset = probability)
    }

    fn change(self, change: impl Fn(&mut Conditions)) -> Self {
        self.conditions[self.traffic.kinds()].iter_mut().for_each(change);
        self
    }
}
