//! One machine with one node: its endpoint, its clock, its sockets.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serfer_proto::{Config, Endpoint, Event, Recovered, SnapshotError, StoredFile, StreamId};

use super::disk::{Disk, Unsynced};
use crate::network::Dice;
use crate::network::{EndId, Segment};

/// An event that a node had for its application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// When it happened, since the simulation began.
    pub at: Duration,
    /// The event.
    pub event: Event,
}

/// What a node does with events as they happen.
pub(crate) type App = Box<dyn FnMut(&mut Endpoint, Instant, &Event)>;

pub(crate) struct Node {
    pub(crate) config: Config,
    pub(crate) addr: SocketAddr,
    pub(crate) dice: Dice,
    /// How often its process was started.
    pub(crate) lives: u32,
    /// The incarnation at the end of its last life.
    pub(crate) incarnation: u32,
    /// `None` while its process does not exist.
    pub(crate) endpoint: Option<Endpoint>,
    /// When its endpoint wants to be woken, by the simulation's clock.
    pub(crate) deadline: Option<Duration>,
    /// The earliest wake-up for it in the queue.
    pub(crate) wake: Option<Duration>,
    /// How often in a row it was woken at one instant.
    pub(crate) wakes_in_a_row: u32,
    /// How far its clock is behind the simulation's clock.
    pub(crate) behind: Duration,
    pub(crate) pause: Pause,
    /// What waits in its sockets while its process is paused.
    pub(crate) unread: VecDeque<Unread>,
    pub(crate) unread_bytes: usize,
    pub(crate) streams: BTreeMap<StreamId, EndId>,
    /// How many streams it dialled, modulo the number of its ports.
    dials: u16,
    pub(crate) events: Vec<Recorded>,
    pub(crate) app: Option<App>,
    pub(crate) disk: Disk,
    /// What its next crash does to its disk.
    pub(crate) unsynced: Unsynced,
}

/// What of a node is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    None,
    /// Its process stands still, while its machine goes on.
    Process,
    /// Its whole machine stands still, since this time.
    Machine(Duration),
}

/// What waits in a socket.
#[derive(Debug)]
pub(crate) enum Unread {
    Datagram(SocketAddr, Vec<u8>),
    Segment(EndId, Segment),
}

/// How many bytes of datagrams a socket holds: Linux's default.
const SOCKET_BUFFER: usize = 212_992;

impl Node {
    pub(crate) fn new(config: Config, addr: SocketAddr, dice: Dice) -> Self {
        Self {
            config,
            addr,
            dice,
            lives: 0,
            incarnation: 0,
            endpoint: None,
            deadline: None,
            wake: None,
            wakes_in_a_row: 0,
            behind: Duration::ZERO,
            pause: Pause::None,
            unread: VecDeque::new(),
            unread_bytes: 0,
            streams: BTreeMap::new(),
            dials: 0,
            events: Vec::new(),
            app: None,
            disk: Disk::default(),
            unsynced: Unsynced::default(),
        }
    }

    /// Whether its process exists and is not paused.
    pub(crate) fn is_running(&self) -> bool {
        self.endpoint.is_some() && self.pause == Pause::None
    }

    /// The snapshot on its disk, if it keeps one and has one.
    pub(crate) fn recovered(&self) -> Option<Result<Recovered, SnapshotError>> {
        let after_leave = self.config.recovery()?.after_leave();
        Some(Recovered::replay(self.disk.read(StoredFile::Snapshot)?, after_leave))
    }

    /// The address from which it dials its next stream.
    pub(crate) fn next_dial_addr(&mut self) -> SocketAddr {
        self.dials = (self.dials + 1) % 10_000;
        SocketAddr::new(self.addr.ip(), 50_000 + self.dials)
    }

    /// Keeps a datagram until the process reads it. Returns whether there was room.
    pub(crate) fn buffer_datagram(&mut self, from: SocketAddr, bytes: Vec<u8>) -> bool {
        let fits = self.unread_bytes + bytes.len() <= SOCKET_BUFFER;
        if fits {
            self.unread_bytes += bytes.len();
            self.unread.push_back(Unread::Datagram(from, bytes));
        }
        fits
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("name", &self.config.name())
            .field("addr", &self.addr)
            .field("deadline", &self.deadline)
            .field("pause", &self.pause)
            .finish_non_exhaustive()
    }
}
