//! What a stretch of network does to what passes: plain data.
//!
//! Everything on its way passes three stretches: what its sender has for everything
//! [outgoing](crate::Sim::outgoing), the [link](crate::Sim::link) between the two, which is like the
//! whole [network](crate::Sim::network) unless it was changed, and what the receiver has for
//! everything [incoming](crate::Sim::incoming). Delays add up, and each may lose it. Datagrams and
//! streams have conditions of their own.

use std::ops::Range;
use std::time::Duration;

/// How long something takes to arrive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Latency {
    /// Always the same.
    Fixed(Duration),
    /// Anything in between, equally likely.
    Uniform {
        /// The least.
        min: Duration,
        /// The most.
        max: Duration,
    },
    /// A least, and on top of it an exponential tail.
    Exponential {
        /// The least.
        min: Duration,
        /// The mean of what comes on top.
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

/// How much passes in a given time. What is sent sooner waits, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bandwidth {
    /// Bytes in a second.
    pub bytes_per_sec: u64,
    /// How many bytes may wait; a datagram that finds more waiting is lost.
    pub queue_bytes: u64,
}

/// What a stretch of network does to what passes. The default lets everything pass at once.
///
/// Probabilities are from 0 to 1, and are of one datagram or, for a stream, of one chunk of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// How long it takes. Datagrams may overtake each other if it varies; bytes of a stream do not.
    pub latency: Latency,
    /// How likely it is lost. On a stream it is sent again a while later.
    pub loss: f64,
    /// How likely a datagram arrives twice.
    pub duplicate: f64,
    /// How likely a datagram is held back, by up to 20 ms, so that others overtake it.
    pub reorder: f64,
    /// How likely one byte of a datagram is changed.
    pub corrupt: f64,
    /// Datagrams longer than this are lost.
    pub mtu: Option<usize>,
    /// How much passes in a given time.
    pub bandwidth: Option<Bandwidth>,
    /// How likely a stream is refused when it is dialled.
    pub refuse: f64,
    /// How likely a stream breaks, for both sides.
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

/// What kind of traffic something is about.
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
    /// The indices of what it includes.
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

/// The conditions for datagrams and those for streams.
pub(crate) type Weather = [Conditions; 2];

/// Changes the conditions of a stretch of network.
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
    weather: &'a mut Weather,
    traffic: Traffic,
}

impl<'a> Tune<'a> {
    pub(crate) fn new(weather: &'a mut Weather) -> Self {
        Self { weather, traffic: Traffic::All }
    }

    /// Goes on with datagrams only.
    #[must_use]
    pub fn datagrams(self) -> Self {
        Self { traffic: Traffic::Datagrams, ..self }
    }

    /// Goes on with streams only.
    #[must_use]
    pub fn streams(self) -> Self {
        Self { traffic: Traffic::Streams, ..self }
    }

    /// Sets all conditions at once.
    pub fn set(self, conditions: Conditions) -> Self {
        self.change(|it| *it = conditions)
    }

    /// Sets how long things take: a time, a range of times, or any [`Latency`].
    pub fn latency(self, latency: impl Into<Latency>) -> Self {
        let latency = latency.into();
        self.change(|it| it.latency = latency)
    }

    /// Sets how likely things are lost.
    pub fn loss(self, probability: f64) -> Self {
        self.change(|it| it.loss = probability)
    }

    /// Sets how likely a datagram arrives twice.
    pub fn duplicate(self, probability: f64) -> Self {
        self.change(|it| it.duplicate = probability)
    }

    /// Sets how likely a datagram is held back.
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

    /// Sets how much passes in a given time.
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
        self.weather[self.traffic.kinds()].iter_mut().for_each(change);
        self
    }
}
