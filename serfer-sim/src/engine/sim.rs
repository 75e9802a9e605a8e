//! The simulation: nodes, a network and a clock.
//!
//! All that a simulation does is done by one of the files beside this: [`run`](super::clock) moves the
//! clock, [`outputs`](super::outputs) does what endpoints want done, [`arrivals`](super::arrivals)
//! tells them what happened, [`faults`](crate::faults) breaks things.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use serfer_proto::{Config, ConfigError, ConfigFault, Endpoint, Event, Status};

use super::node::{Node, NodeId, Recorded};
use super::queue::Queue;
use crate::network::Dice;
use crate::network::Network;
use crate::network::Pipes;
use crate::trace::Trace;

/// A simulated cluster: the same seed and the same calls give the same run.
///
/// ```
/// use std::time::Duration;
/// use serfer_sim::{Config, Sim};
///
/// let mut sim = Sim::new(42);
/// let [a, b, c] = sim.nodes(Config::local, ["a", "b", "c"]);
/// sim.network().latency(Duration::from_millis(5)..Duration::from_millis(50)).loss(0.05);
/// sim.join(b, &[a]);
/// sim.join(c, &[a]);
/// assert!(sim.run_until_converged(Duration::from_secs(10)).is_some());
/// ```
#[derive(Debug)]
pub struct Sim {
    pub(crate) dice: Dice,
    epoch: Instant,
    pub(crate) now: Duration,
    pub(crate) nodes: Vec<Node>,
    /// Looked up, never iterated.
    pub(crate) by_addr: HashMap<SocketAddr, NodeId>,
    pub(crate) network: Network,
    pub(crate) queue: Queue,
    pub(crate) pipes: Pipes,
    /// What the endpoint being drained wants sent.
    pub(crate) buf: Vec<u8>,
    /// Buffers of datagrams that have arrived.
    pub(crate) spare: Vec<Vec<u8>>,
    pub(crate) keeps_events: bool,
    /// How many events were told, recorded or not.
    pub(crate) told: u64,
    pub(crate) trace: Option<Trace>,
}

impl Sim {
    /// Starts a simulation without nodes, on a network that delivers everything at once.
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            epoch: epoch(),
            now: Duration::ZERO,
            nodes: Vec::new(),
            by_addr: HashMap::new(),
            network: Network::default(),
            queue: Queue::default(),
            pipes: Pipes::default(),
            buf: Vec::new(),
            spare: Vec::new(),
            keeps_events: true,
            told: 0,
            trace: None,
        }
    }

    // ── nodes ────────────────────────────────────────────────────────────────────────────────────

    /// Starts a node. Unless its configuration advertises an address, the first node is at
    /// 10.0.0.1:7946, the second at 10.0.0.2:7946, and so on.
    ///
    /// # Panics
    /// If the configuration cannot work, or the address is taken.
    #[track_caller]
    pub fn node(&mut self, config: Config) -> NodeId {
        match self.try_node(config) {
            Ok(id) => id,
            Err(error) => panic!("a node cannot be started: {error}"),
        }
    }

    /// Starts a node, as [`node`](Self::node) does.
    ///
    /// # Errors
    /// If the configuration cannot work.
    ///
    /// # Panics
    /// If the address is taken.
    #[track_caller]
    pub fn try_node(&mut self, config: Config) -> Result<NodeId, ConfigError> {
        let id = NodeId::new(self.nodes.len());
        let namesakes =
            self.nodes.iter().filter(|node| node.config.name() == config.name()).count();
        let dice = self.dice.named(config.name()).numbered(namesakes as u64);
        let (config, addr) = placed(config, id, self.epoch)?;
        self.network.add(dice);
        self.nodes.push(Node::new(config, addr, dice));
        self.take_address(id, addr);
        if let Some(trace) = &mut self.trace {
            trace.introduce(&self.nodes[id.index()]);
        }
        self.start(id)?;
        Ok(id)
    }

    /// Starts several nodes that differ in nothing but their names.
    ///
    /// # Panics
    /// As [`node`](Self::node).
    #[track_caller]
    pub fn nodes<const N: usize>(
        &mut self,
        config: impl Fn(String) -> Config,
        names: [&str; N],
    ) -> [NodeId; N] {
        names.map(|name| self.node(config(name.to_owned())))
    }

    /// Starts `count` nodes that differ in nothing but their names, `n1`, `n2`, ….
    ///
    /// # Panics
    /// As [`node`](Self::node).
    #[track_caller]
    pub fn many(&mut self, config: impl Fn(String) -> Config, count: usize) -> Vec<NodeId> {
        (1..=count).map(|n| self.node(config(format!("n{n}")))).collect()
    }

    /// All nodes, whether they run or not.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId::new)
    }

    /// The nodes whose process runs, paused ones included.
    pub fn running(&self) -> impl Iterator<Item = NodeId> {
        self.ids().filter(|&id| self.endpoint(id).is_some())
    }

    /// The first node of a name.
    pub fn id(&self, name: &str) -> Option<NodeId> {
        self.ids().find(|&id| self.name(id) == name)
    }

    /// A node's name.
    pub fn name(&self, node: NodeId) -> &str {
        self.nodes[node.index()].config.name()
    }

    /// Where a node is.
    pub fn addr(&self, node: NodeId) -> SocketAddr {
        self.nodes[node.index()].addr
    }

    /// A node, to look at; `None` if it crashed.
    pub fn endpoint(&self, node: NodeId) -> Option<&Endpoint> {
        self.nodes[node.index()].endpoint.as_ref()
    }

    /// Calls anything that a node's endpoint can do. What follows from it happens at once.
    ///
    /// # Panics
    /// If the node does not run.
    #[track_caller]
    pub fn at<T>(&mut self, node: NodeId, call: impl FnOnce(&mut Endpoint, Instant) -> T) -> T {
        let now = self.local_now(node);
        let it = &mut self.nodes[node.index()];
        let name = it.config.name();
        assert!(it.pace == super::node::Pace::Runs, "{name} is not running: it cannot be called");
        let Some(endpoint) = &mut it.endpoint else {
            panic!("{name} is not running: it cannot be called");
        };
        let result = call(endpoint, now);
        self.drain(node);
        result
    }

    /// Gives a node an application: something that hears of every event as it comes and may call
    /// the endpoint, for example to answer queries.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use serfer_sim::{Config, Event, Sim};
    /// # let mut sim = Sim::new(1);
    /// # let [a, b] = sim.nodes(Config::local, ["a", "b"]);
    /// sim.app(b, |endpoint, now, event| {
    ///     if let Event::Query(query) = event {
    ///         endpoint.respond(now, query, b"fine").expect("it is asked for");
    ///     }
    /// });
    /// ```
    pub fn app(&mut self, node: NodeId, app: impl FnMut(&mut Endpoint, Instant, &Event) + 'static) {
        self.nodes[node.index()].app = Some(Box::new(app));
    }

    // ── views ────────────────────────────────────────────────────────────────────────────────────

    /// The time, as a node whose clock is right sees it.
    pub fn now(&self) -> Instant {
        self.epoch + self.now
    }

    /// How long the simulation has been running.
    pub fn elapsed(&self) -> Duration {
        self.now
    }

    /// What a node believes of a member of this name.
    pub fn status(&self, node: NodeId, member: &str) -> Option<Status> {
        Some(self.endpoint(node)?.member(member)?.status())
    }

    /// Whether all running nodes list the same members, with the same addresses, tags and statuses.
    pub fn converged(&self) -> bool {
        let views = || self.running().filter_map(|id| self.endpoint(id));
        let Some(first) = views().next() else {
            return true;
        };
        // Whoever disagrees usually does so in numbers, which are quickly compared.
        let numbers = |view: &Endpoint| {
            let stats = view.stats();
            (stats.members, stats.members_alive)
        };
        let expected = numbers(first);
        views().all(|view| numbers(view) == expected)
            && views().all(|view| first.members().all(|it| view.member(it.name()) == Some(it)))
    }

    /// The events that a node has told, in order.
    pub fn events(&self, node: NodeId) -> &[Recorded] {
        &self.nodes[node.index()].events
    }

    /// Takes the events that a node has told since they were last taken.
    pub fn take_events(&mut self, node: NodeId) -> Vec<Recorded> {
        std::mem::take(&mut self.nodes[node.index()].events)
    }

    /// Records no more events: for large and long runs.
    pub fn discard_events(&mut self) {
        self.keeps_events = false;
    }

    /// Records from now on what is sent and told, as readable lines.
    pub fn start_trace(&mut self) {
        let trace = self.trace.get_or_insert_default();
        self.nodes[trace.introduced()..].iter().for_each(|node| trace.introduce(node));
    }

    /// What was recorded since [`start_trace`](Self::start_trace); empty before.
    pub fn trace(&self) -> &Trace {
        self.trace.as_ref().unwrap_or(const { &Trace::new() })
    }

    // ── inside ───────────────────────────────────────────────────────────────────────────────────

    /// The time by a node's own clock.
    pub(crate) fn local_now(&self, node: NodeId) -> Instant {
        self.epoch + self.now.saturating_sub(self.nodes[node.index()].behind)
    }

    /// The simulation's time when a node's own clock shows `instant`, but not in the past.
    pub(crate) fn sim_time(&self, node: NodeId, instant: Instant) -> Duration {
        let local = instant.saturating_duration_since(self.epoch);
        (local + self.nodes[node.index()].behind).max(self.now)
    }

    /// Starts a node's process.
    pub(crate) fn start(&mut self, id: NodeId) -> Result<(), ConfigError> {
        let now = self.local_now(id);
        let node = &mut self.nodes[id.index()];
        node.lives += 1;
        let seed = node.dice.numbered(node.lives.into()).seed();
        let mut config = node.config.clone();
        let mut skipped = Vec::new();
        if let Some(recovered) = node.recovered() {
            let recovered = recovered.expect("whoever spoils a snapshot does not restart the node");
            skipped.extend(recovered.problems().iter().map(|it| format!("snapshot: {it}")));
            config = config.recovered(recovered);
        }
        node.endpoint = Some(Endpoint::new(config, seed, now)?);
        skipped.iter().for_each(|problem| self.note_fault(id, problem));
        self.drain(id);
        Ok(())
    }

    #[track_caller]
    pub(crate) fn take_address(&mut self, id: NodeId, addr: SocketAddr) {
        let before = self.by_addr.insert(addr, id);
        assert!(before.is_none_or(|before| before == id), "there is a node at {addr}");
    }
}

/// The configuration with an address, and the address.
fn placed(config: Config, id: NodeId, now: Instant) -> Result<(Config, SocketAddr), ConfigError> {
    // A configuration does not tell its address, but the node it makes does.
    match Endpoint::new(config.clone(), [0; 32], now) {
        Ok(endpoint) => Ok((config, endpoint.local_member().addr())),
        Err(error) if error.faults == [ConfigFault::NoAdvertise] => {
            let addr = default_addr(id.index());
            Ok((config.advertise(addr), addr))
        }
        Err(error) => Err(error),
    }
}

/// Where the nodes are, by their number.
fn default_addr(index: usize) -> SocketAddr {
    let first = u32::from(Ipv4Addr::new(10, 0, 0, 1));
    SocketAddr::from((Ipv4Addr::from(first + index as u32), 7946))
}

/// What all times are relative to. Nothing else is ever learned from the clock.
#[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the clock")]
fn epoch() -> Instant {
    Instant::now()
}
