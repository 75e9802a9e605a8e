//! The simulation: nodes, a network and a clock.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use serfer_proto::{Config, ConfigError, ConfigFault, Endpoint, Event};

use super::node::Node;
use super::queue::Queue;
use crate::network::{Dice, Network, Pipes};
use crate::node_id::NodeId;
use crate::trace::Trace;

/// A simulated cluster. The same seed and the same calls give the same run.
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
    dice: Dice,
    /// What all times are relative to.
    pub(super) epoch: Instant,
    pub(crate) now: Duration,
    pub(crate) nodes: Vec<Node>,
    /// Looked up, never iterated.
    pub(crate) by_addr: HashMap<SocketAddr, NodeId>,
    pub(crate) network: Network,
    pub(super) queue: Queue,
    pub(super) pipes: Pipes,
    /// The bytes of the output that is being handled.
    pub(super) buf: Vec<u8>,
    /// Buffers of datagrams that have arrived, for reuse.
    pub(super) spare: Vec<Vec<u8>>,
    pub(super) keeps_events: bool,
    /// How many events there were, recorded or not.
    pub(super) events_told: u64,
    pub(super) datagram_bytes_sent: u64,
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
            events_told: 0,
            datagram_bytes_sent: 0,
            trace: None,
        }
    }

    // ── nodes ────────────────────────────────────────────────────────────────────────────────────

    /// Starts a node. If its configuration advertises no address, the first node gets
    /// 10.0.0.1:7946, the second 10.0.0.2:7946, and so on.
    ///
    /// # Panics
    /// If the configuration is invalid, or the address is taken.
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
    /// If the configuration is invalid.
    ///
    /// # Panics
    /// If the address is taken.
    #[track_caller]
    pub fn try_node(&mut self, config: Config) -> Result<NodeId, ConfigError> {
        let id = NodeId::new(self.nodes.len());
        let namesakes =
            self.nodes.iter().filter(|node| node.config.name() == config.name()).count();
        let dice = self.dice.named(config.name()).numbered(namesakes as u64);
        let (config, addr) = with_address(config, id, self.epoch)?;
        self.network.add(dice);
        self.nodes.push(Node::new(config, addr, dice));
        self.take_address(id, addr);
        self.introduce(id);
        self.start(id)?;
        Ok(id)
    }

    /// Starts several nodes that differ only in their names.
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

    /// Starts `count` nodes that differ only in their names `n1`, `n2`, ….
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

    /// The nodes whose process exists. Paused nodes are included.
    pub fn running(&self) -> impl Iterator<Item = NodeId> {
        self.ids().filter(|&id| self.endpoint(id).is_some())
    }

    /// The first node with this name.
    pub fn id(&self, name: &str) -> Option<NodeId> {
        self.ids().find(|&id| self.name(id) == name)
    }

    /// A node's name.
    pub fn name(&self, node: NodeId) -> &str {
        self.nodes[node.index()].config.name()
    }

    /// A node's address.
    pub fn addr(&self, node: NodeId) -> SocketAddr {
        self.nodes[node.index()].addr
    }

    /// A node's endpoint. `None` if the node crashed.
    pub fn endpoint(&self, node: NodeId) -> Option<&Endpoint> {
        self.nodes[node.index()].endpoint.as_ref()
    }

    /// Calls any method of a node's endpoint, and then does what the endpoint wants done.
    ///
    /// # Panics
    /// If the node does not run.
    #[track_caller]
    pub fn at<T>(&mut self, node: NodeId, call: impl FnOnce(&mut Endpoint, Instant) -> T) -> T {
        let is_running = self.nodes[node.index()].is_running();
        assert!(is_running, "{} is not running: it cannot be called", self.name(node));
        self.with(node, call).expect("a running node has an endpoint")
    }

    /// Gives a node an application: a function that gets every event as it happens and may call the
    /// endpoint, for example to respond to queries.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use serfer_sim::{Config, Event, Sim};
    /// # let mut sim = Sim::new(1);
    /// # let [a, b] = sim.nodes(Config::local, ["a", "b"]);
    /// sim.app(b, |endpoint, now, event| {
    ///     if let Event::Query(query) = event {
    ///         endpoint.respond(now, query, b"fine").expect("a response is expected");
    ///     }
    /// });
    /// ```
    pub fn app(&mut self, node: NodeId, app: impl FnMut(&mut Endpoint, Instant, &Event) + 'static) {
        self.nodes[node.index()].app = Some(Box::new(app));
    }

    #[track_caller]
    pub(crate) fn take_address(&mut self, id: NodeId, addr: SocketAddr) {
        let before = self.by_addr.insert(addr, id);
        assert!(before.is_none_or(|before| before == id), "there is a node at {addr}");
    }
}

/// The configuration with an address, and this address.
fn with_address(
    config: Config,
    id: NodeId,
    now: Instant,
) -> Result<(Config, SocketAddr), ConfigError> {
    // A configuration does not tell its address, but an endpoint that is made from it does.
    match Endpoint::new(config.clone(), [0; 32], now) {
        Ok(endpoint) => Ok((config, endpoint.local_member().addr())),
        Err(error) if error.faults == [ConfigFault::NoAdvertise] => {
            let addr = default_addr(id.index());
            Ok((config.advertise(addr), addr))
        }
        Err(error) => Err(error),
    }
}

/// The address of a node, by its number.
fn default_addr(index: usize) -> SocketAddr {
    let first = u32::from(Ipv4Addr::new(10, 0, 0, 1));
    SocketAddr::from((Ipv4Addr::from(first + index as u32), 7946))
}

/// Reads the clock, once for each simulation. All times are relative to this.
#[expect(clippy::disallowed_methods, reason = "there is no other way to make an Instant")]
fn epoch() -> Instant {
    Instant::now()
}
