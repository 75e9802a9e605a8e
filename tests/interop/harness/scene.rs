//! One test: its agents and nodes, and what must hold for all of them in the end.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use serfer_tokio::{Builder, DropReason, Tokio};
use tempfile::TempDir;

use crate::harness::agent::{Agent, FAULTS};
use crate::harness::network::{Family, Host, Network};
use crate::harness::node::Node;
use crate::harness::peer::{Identity, Peer};
use crate::harness::program::Program;
use crate::harness::setting::Setting;

pub(crate) struct Scene {
    name: String,
    dir: TempDir,
    ips: RefCell<BTreeMap<String, IpAddr>>,
    agents: RefCell<Vec<Rc<Agent>>>,
    nodes: RefCell<Vec<Rc<Node>>>,
    provoked_drops: RefCell<BTreeSet<DropReason>>,
    provoked_faults: RefCell<BTreeSet<&'static str>>,
    /// Dropped last, since all others are in it.
    network: OnceCell<Rc<Network>>,
}

impl Scene {
    /// Plays a test. In the end no peer may have misunderstood another.
    pub(crate) fn play(name: &str, test: impl FnOnce(&Self)) {
        let scene = Self {
            name: name.to_owned(),
            dir: TempDir::new().expect("a temporary directory"),
            ips: RefCell::default(),
            agents: RefCell::default(),
            nodes: RefCell::default(),
            provoked_drops: RefCell::default(),
            provoked_faults: RefCell::default(),
            network: OnceCell::new(),
        };
        test(&scene);
        scene.assert_clean();
    }

    /// Makes a network. Peers that start from now on have a host of their own there.
    pub(crate) fn lay_network(&self) -> Rc<Network> {
        self.lay_network_of(Family::V4)
    }

    /// Makes a network with addresses of this kind.
    pub(crate) fn lay_network_of(&self, family: Family) -> Rc<Network> {
        let lay =
            || Rc::new(Network::lay(family).expect("what was possible once is possible again"));
        self.network.get_or_init(lay).clone()
    }

    /// The host of a name, if there is a network.
    fn host(&self, name: &str) -> Option<Rc<Host>> {
        self.network.get().map(|network| network.host(name))
    }

    /// Starts an agent. All agents have the tag `role=agent`.
    #[track_caller]
    pub(crate) fn agent(&self, setting: &Setting, name: &str, flags: &[&str]) -> Rc<Agent> {
        self.agent_at(setting, name, name, flags)
    }

    /// Starts an agent at the address of another name than its own.
    #[track_caller]
    pub(crate) fn agent_at(
        &self,
        setting: &Setting,
        at: &str,
        name: &str,
        flags: &[&str],
    ) -> Rc<Agent> {
        let identity = Identity::new(name, self.ip(at), &[("role", "agent")]);
        let dir = self.dir.path().join(format!("{name}-{}", self.agents.borrow().len()));
        fs::create_dir(&dir).expect("the directory of the test is writable");
        let agent = Rc::new(Agent::start(dir, identity, setting, self.host(name), flags));
        self.agents.borrow_mut().push(agent.clone());
        agent
    }

    /// Starts a node of ours. All have the tag `role=node`.
    #[track_caller]
    pub(crate) fn node(
        &self,
        setting: &Setting,
        name: &str,
        build: impl FnOnce(Builder<Tokio>) -> Builder<Tokio>,
    ) -> Rc<Node> {
        self.tagged_node(setting, name, &[("role", "node")], build)
    }

    /// Starts a node of ours at the address of another name than its own.
    #[track_caller]
    pub(crate) fn node_at(
        &self,
        setting: &Setting,
        at: &str,
        name: &str,
        build: impl FnOnce(Builder<Tokio>) -> Builder<Tokio>,
    ) -> Rc<Node> {
        let identity = Identity::new(name, self.ip(at), &[("role", "node")]);
        let node = Rc::new(Node::start(identity, setting, self.host(at), build));
        self.nodes.borrow_mut().push(node.clone());
        node
    }

    /// Starts a node of ours with tags of its own.
    #[track_caller]
    pub(crate) fn tagged_node(
        &self,
        setting: &Setting,
        name: &str,
        tags: &[(&str, &str)],
        build: impl FnOnce(Builder<Tokio>) -> Builder<Tokio>,
    ) -> Rc<Node> {
        let identity = Identity::new(name, self.ip(name), tags);
        let node = Rc::new(Node::start(identity, setting, self.host(name), build));
        self.nodes.borrow_mut().push(node.clone());
        node
    }

    /// Starts a node of ours on smol, on this machine.
    #[track_caller]
    pub(crate) fn smol_node(&self, setting: &Setting, name: &str, seed: &str) -> Rc<Node> {
        let identity = Identity::new(name, self.ip(name), &[("role", "node")]);
        let node = Rc::new(Node::start_on_smol(identity, setting, seed));
        self.nodes.borrow_mut().push(node.clone());
        node
    }

    /// Starts a node of ours in a process of its own, at a host or on this machine: its runtime, its name,
    /// what it binds, and the seed that it joins, if any.
    pub(crate) fn program(&self, how: [&str; 4], host: Option<Rc<Host>>) -> Program {
        Program::start(self.dir.path().to_owned(), host, how)
    }

    /// Starts an agent or a node of ours, depending on its name. It joins `seed`, unless that is
    /// itself.
    #[track_caller]
    pub(crate) fn peer(&self, setting: &Setting, name: &str, seed: &str) -> Rc<dyn Peer> {
        let seed = (seed != name).then(|| self.ip(seed));
        if name.starts_with("agent") {
            let join = seed.map(|seed| format!("-join={seed}"));
            let flags: Vec<&str> = join.iter().map(|join| &**join).collect();
            self.agent(setting, name, &flags)
        } else {
            let seed = seed.map(|seed| seed.to_string());
            self.node(setting, name, |builder| builder.join(seed))
        }
    }

    /// The address of a name. Each name has its own, so that no test has to look for a free port.
    pub(crate) fn ip(&self, name: &str) -> IpAddr {
        if let Some(host) = self.host(name) {
            return host.ip;
        }
        *self.ips.borrow_mut().entry(name.to_owned()).or_insert_with(|| next_ip().into())
    }

    /// The path of a file that is removed when the test ends.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Our nodes may drop something for this reason.
    pub(crate) fn provoke_drops(&self, reason: DropReason) {
        self.provoked_drops.borrow_mut().insert(reason);
    }

    /// The agents may log this fault, which is one of [`FAULTS`].
    pub(crate) fn provoke_fault(&self, fault: &'static str) {
        self.provoked_faults.borrow_mut().insert(fault);
    }

    fn assert_clean(&self) {
        for node in self.nodes.borrow().iter() {
            let provoked = self.provoked_drops.borrow();
            let dropped = node.stats().dropped;
            let dropped =
                dropped.iter().filter(|(reason, count)| *count > 0 && !provoked.contains(reason));
            let dropped: Vec<_> = dropped.collect();
            let name = &node.identity().entry().name;
            assert!(dropped.is_empty(), "{name} dropped something: {dropped:?}");
        }
        for agent in self.agents.borrow().iter() {
            let entry = agent.identity().entry();
            assert_eq!(agent.is_running(), entry.status == "alive", "{entry} runs");
            let provoked = self.provoked_faults.borrow();
            let faults = || FAULTS.iter().filter(|&fault| !provoked.contains(fault));
            // At times there are faults between the agent and the `serf` command, which do not
            // matter.
            let is_fault = |line: &&str| {
                let line = line.to_lowercase();
                !line.contains("agent.ipc") && faults().any(|fault| line.contains(fault))
            };
            let log = agent.log();
            let complaints: Vec<&str> = log.lines().filter(is_fault).collect();
            assert!(complaints.is_empty(), "{} complains: {complaints:#?}", entry.name);
        }
    }

    /// What all peers know and were told.
    fn describe(&self) -> String {
        let mut text = format!("---- {}\n", self.name);
        for node in self.nodes.borrow().iter() {
            let (entry, stats, heard) = (node.identity().entry(), node.stats(), node.heard());
            let _ = writeln!(text, "{entry} lists\n{}heard {heard:?}\n{stats:?}", node.roster());
        }
        for agent in self.agents.borrow().iter() {
            let (log, heard) = (agent.log(), agent.heard());
            let is_news = |line: &&str| !line.contains("agent.ipc: Accepted client");
            let lines: Vec<&str> = log.lines().filter(is_news).collect();
            let tail = lines[lines.len().saturating_sub(LOG_TAIL)..].join("\n");
            let _ =
                writeln!(text, "{} heard {heard:?} and logged\n{tail}", agent.identity().entry());
        }
        text
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.describe());
        }
    }
}

/// How much of a log is shown when a test fails.
const LOG_TAIL: usize = 80;

/// An unused address of 127.0.0.0/8. No other process has it, unless its id is the same in the
/// lower 14 bits.
fn next_ip() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(number < 1 << 10, "there are not so many addresses");
    let process = std::process::id() % (1 << 14);
    Ipv4Addr::from_bits((127 << 24) | (process << 10) | number)
}
