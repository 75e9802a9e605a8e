//! The kinds of lines in a trace.

use std::fmt;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Pings, indirect pings, acks and nacks.
    Probe,
    /// Alive, suspect and dead messages.
    State,
    /// Messages of serf: intents, user events, queries and their responses.
    Serf,
    /// What is written to a stream.
    Stream,
    /// What is written to a disk.
    Disk,
    /// An event that an application receives.
    Event,
    /// What is done to nodes and to the network.
    Fault,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 7] =
        [Self::Probe, Self::State, Self::Serf, Self::Stream, Self::Disk, Self::Event, Self::Fault];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Probe => "probe",
            Self::State => "state",
            Self::Serf => "serf",
            Self::Stream => "stream",
            Self::Disk => "disk",
            Self::Event => "event",
            Self::Fault => "fault",
        })
    }
}
