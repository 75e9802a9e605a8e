//! One machine with one node: its endpoint, its clock, its sockets.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serfer_proto::{Config, Endpoint, Event, Recovered, SnapshotError, StoredFile, StreamId};

use super::disk::{Disk, Unsynced};
use crate::network::Dice;
use crate::network::{Item, PipeEnd};

/// Names one node of one simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    pub(crate) fn new(index: usize) -> Self {
        Self(index as u32)
    }

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// An event that a node told its application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// When, since the simulation began.
    pub at: Duration,
    /// What.
    pub event: Event,
}

/// What a node does with events as they come.
pub(crate) type App = Box<dyn FnMut(&mut Endpoint, Instant, &Event)>;

pub(crate) struct Node {
    pub(crate) config: Config,
    pub(crate) addr: SocketAddr,
    pub(crate) dice: Dice,
    /// How often it was started.
    pub(crate) lives: u32,
    /// What its last life ended with.
    pub(crate) incarnation: u32,
    /// `None` while its process is not running.
    pub(crate) endpoint: Option<Endpoint>,
    /// By the simulation's clock.
    pub(crate) until: Option<Duration>,
    /// The earliest wake-up for it that is queued.
    pub(crate) wake: Option<Duration>,
    /// How often in a row it was woken at one instant.
    pub(crate) wakes_in_a_row: u32,
    /// How far its clock is behind the simulation's.
    pub(crate) behind: Duration,
    pub(crate) pace: Pace,
    /// What its sockets hold while it does not read.
    pub(crate) held: VecDeque<Held>,
    pub(crate) held_bytes: usize,
    pub(crate) streams: BTreeMap<StreamId, PipeEnd>,
    pub(crate) dials: u16,
    pub(crate) events: Vec<Recorded>,
    pub(crate) app: Option<App>,
    pub(crate) disk: Disk,
    /// What its next crash does to its disk.
    pub(crate) unsynced: Unsynced,
}

/// How a node's time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Runs,
    /// Its process is stopped; its machine goes on.
    Paused,
    /// Its machine stands still, since then.
    Suspended(Duration),
}

/// Something that waits in a socket.
#[derive(Debug)]
pub(crate) enum Held {
    Datagram(SocketAddr, Vec<u8>),
    Segment(PipeEnd, Item),
}

/// How many bytes of datagrams a socket holds: Linux's default.
pub(crate) const SOCKET_BUFFER: usize = 212_992;

impl Node {
    pub(crate) fn new(config: Config, addr: SocketAddr, dice: Dice) -> Self {
        Self {
            config,
            addr,
            dice,
            lives: 0,
            incarnation: 0,
            endpoint: None,
            until: None,
            wake: None,
            wakes_in_a_row: 0,
            behind: Duration::ZERO,
            pace: Pace::Runs,
            held: VecDeque::new(),
            held_bytes: 0,
            streams: BTreeMap::new(),
            dials: 0,
            events: Vec::new(),
            app: None,
            disk: Disk::default(),
            unsynced: Unsynced::default(),
        }
    }

    /// What it finds on its disk, if it keeps a snapshot and has one.
    pub(crate) fn recovered(&self) -> Option<Result<Recovered, SnapshotError>> {
        let after_leave = self.config.recovery()?.after_leave();
        Some(Recovered::replay(self.disk.read(StoredFile::Snapshot)?, after_leave))
    }

    /// The address of another stream that it dials.
    pub(crate) fn dialling_addr(&mut self) -> SocketAddr {
        self.dials = (self.dials + 1) % 10_000;
        SocketAddr::new(self.addr.ip(), 50_000 + self.dials)
    }

    /// Keeps a datagram until it is read, if there is room.
    pub(crate) fn hold_datagram(&mut self, from: SocketAddr, bytes: Vec<u8>) -> bool {
        let fits = self.held_bytes + bytes.len() <= SOCKET_BUFFER;
        if fits {
            self.held_bytes += bytes.len();
            self.held.push_back(Held::Datagram(from, bytes));
        }
        fits
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("name", &self.config.name())
            .field("addr", &self.addr)
            .field("until", &self.until)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}
