//! What can be done to nodes and to the network between them.

use std::net::SocketAddr;

use serfer_proto::{Config, StoredFile};

use crate::engine::Sim;
use crate::engine::{Health, Unsynced};
use crate::engine::{Held, NodeId, Pace};
use crate::network::Item;
use crate::network::Plug;
use crate::network::{Traffic, Tune};

impl Sim {
    // ── the network ──────────────────────────────────────────────────────────────────────────────

    /// Changes what the network does to everything that passes.
    pub fn network(&mut self) -> Tune<'_> {
        self.network.tune()
    }

    /// Changes what happens to all that a node sends, besides what the network does to it.
    pub fn outgoing(&mut self, node: NodeId) -> Tune<'_> {
        self.network.tune_outgoing(node)
    }

    /// Changes what happens to all that a node receives, besides what the network does to it.
    pub fn incoming(&mut self, node: NodeId) -> Tune<'_> {
        self.network.tune_incoming(node)
    }

    /// Changes what the network does to what `from` sends to `to`. It starts as the network is now,
    /// and no longer changes when that does.
    pub fn link(&mut self, from: NodeId, to: NodeId) -> Tune<'_> {
        self.network.tune_link(from, to)
    }

    /// Separates these nodes from those, in both directions. What is on its way still arrives.
    pub fn partition(&mut self, these: &[NodeId], those: &[NodeId]) {
        self.cut(these, those, Traffic::All);
    }

    /// Separates these nodes from those, in both directions, for some traffic: with
    /// [`Traffic::Datagrams`], as a firewall that knows only TCP.
    pub fn cut(&mut self, these: &[NodeId], those: &[NodeId], traffic: Traffic) {
        self.block(these, those, traffic);
        self.block(those, these, traffic);
    }

    /// Keeps these nodes from reaching those. Those may still reach these.
    pub fn block(&mut self, from: &[NodeId], to: &[NodeId], traffic: Traffic) {
        for (&from, &to) in from.iter().flat_map(|from| to.iter().map(move |to| (from, to))) {
            self.network.block(from, to, traffic);
        }
    }

    /// Lets these nodes reach those again.
    pub fn unblock(&mut self, from: &[NodeId], to: &[NodeId], traffic: Traffic) {
        for (&from, &to) in from.iter().flat_map(|from| to.iter().map(move |to| (from, to))) {
            self.network.unblock(from, to, traffic);
        }
    }

    /// Separates a node from all others, those that are yet to come included.
    pub fn isolate(&mut self, node: NodeId) {
        self.network.isolate(node);
        self.note_fault(node, "is isolated");
    }

    /// Takes back every cut, block and isolation. Conditions stay as they are.
    pub fn heal(&mut self) {
        self.network.heal();
    }

    /// Takes a node's interface down: its sends and dials fail at once, and nothing reaches it.
    pub fn interface_down(&mut self, node: NodeId) {
        self.network.set_plug(node, Plug::Out);
        self.note_fault(node, "interface goes down");
    }

    /// Brings a node's interface up again.
    pub fn interface_up(&mut self, node: NodeId) {
        self.network.set_plug(node, Plug::In);
        self.note_fault(node, "interface comes up");
    }

    // ── disks ────────────────────────────────────────────────────────────────────────────────────

    /// What a file of a node has in it; `None` if there is no such file.
    pub fn file(&self, node: NodeId, file: StoredFile) -> Option<&[u8]> {
        self.nodes[node.index()].disk.read(file)
    }

    /// Puts a file on a node's disk, as somebody else would.
    pub fn put_file(&mut self, node: NodeId, file: StoredFile, bytes: &[u8]) {
        self.nodes[node.index()].disk.put(file, bytes);
    }

    /// Sets what becomes of bytes that a node has not synced when it crashes.
    pub fn unsynced(&mut self, node: NodeId, unsynced: Unsynced) {
        self.nodes[node.index()].unsynced = unsynced;
    }

    /// Makes everything fail that a node writes from now on. Its files stay as they are.
    pub fn disk_fails(&mut self, node: NodeId) {
        self.nodes[node.index()].disk.health = Health::Fails;
        self.note_fault(node, "disk fails");
    }

    /// Makes a node's disk work again.
    pub fn disk_works(&mut self, node: NodeId) {
        self.nodes[node.index()].disk.health = Health::Works;
        self.note_fault(node, "disk works");
    }

    // ── nodes ────────────────────────────────────────────────────────────────────────────────────

    /// Stops a node's process, as `SIGSTOP` does. Its clock goes on and its sockets fill up.
    ///
    /// # Panics
    /// If the node does not run.
    #[track_caller]
    pub fn pause(&mut self, node: NodeId) {
        self.stop(node, Pace::Paused);
        self.note_fault(node, "pauses");
    }

    /// Stops a node's whole machine, as when a virtual machine is suspended: its clock stands still,
    /// and what is sent to it is lost.
    ///
    /// # Panics
    /// If the node does not run.
    #[track_caller]
    pub fn suspend(&mut self, node: NodeId) {
        self.stop(node, Pace::Suspended(self.now));
        self.network.freeze(node);
        self.note_fault(node, "is suspended");
    }

    /// Lets a node that was paused or suspended go on. One that was paused finds its deadlines
    /// overdue, and then what is in its sockets, in this order, as our runtimes do.
    pub fn resume(&mut self, node: NodeId) {
        let now = self.now;
        let it = &mut self.nodes[node.index()];
        match std::mem::replace(&mut it.pace, Pace::Runs) {
            Pace::Runs => return,
            Pace::Paused => {}
            Pace::Suspended(since) => {
                let slept = now - since;
                it.behind += slept;
                it.until = it.until.map(|until| until + slept);
                self.network.thaw(node);
            }
        }
        self.note_fault(node, "resumes");
        if self.nodes[node.index()].until.is_some_and(|until| until <= now) {
            self.with(node, serfer_proto::Endpoint::handle_timeout);
        }
        self.read_held(node);
        self.schedule(node);
    }

    /// Kills a node's process. Its machine resets the streams and refuses new ones. For a machine
    /// that falls silent altogether, [`isolate`](Self::isolate) it first.
    pub fn crash(&mut self, node: NodeId) {
        self.note_fault(node, "crashes");
        self.end_process(node);
    }

    /// A node's process is no more.
    pub(crate) fn end_process(&mut self, node: NodeId) {
        self.resume_machine(node);
        let held = std::mem::take(&mut self.nodes[node.index()].held);
        for held in held {
            if let Held::Segment(at, Item::Dial(_)) = held {
                self.refuse(node, at);
            }
        }
        let streams: Vec<_> = self.nodes[node.index()].streams.keys().copied().collect();
        for stream in streams {
            self.abort(node, stream);
        }
        let it = &mut self.nodes[node.index()];
        it.incarnation = it.endpoint.as_ref().map_or(it.incarnation, |last| last.incarnation());
        (it.endpoint, it.until, it.held_bytes) = (None, None, 0);
        it.disk.crash(it.unsynced);
    }

    /// Starts a node's process again, after killing it if it runs. It remembers what is in its
    /// snapshot, if [it keeps one](Config::recovered), and nothing else.
    ///
    /// # Panics
    /// If its configuration does not work, or its snapshot is none.
    #[track_caller]
    pub fn restart(&mut self, node: NodeId) {
        if self.endpoint(node).is_some() {
            self.crash(node);
        }
        let it = &mut self.nodes[node.index()];
        it.config = it.config.clone().advertise(it.addr);
        if let Some(trace) = &mut self.trace {
            trace.reintroduce(node, &self.nodes[node.index()]);
        }
        self.note_fault(node, "starts");
        self.start(node).expect("a changed configuration has to work");
    }

    /// Starts a node's process again, as [`restart`](Self::restart) does, but it remembers the
    /// incarnation that its last life ended with.
    ///
    /// # Panics
    /// As [`restart`](Self::restart).
    #[track_caller]
    pub fn restart_remembering(&mut self, node: NodeId) {
        if self.endpoint(node).is_some() {
            self.crash(node);
        }
        let it = &mut self.nodes[node.index()];
        it.config = it.config.clone().incarnation(it.incarnation);
        self.restart(node);
    }

    /// Gives a node another configuration, which counts from its next [`restart`](Self::restart) on.
    /// Its address remains: see [`readdress`](Self::readdress).
    pub fn configure(&mut self, node: NodeId, config: Config) {
        self.nodes[node.index()].config = config;
    }

    /// Gives a node another address. Its machine is there from now on; a running process goes on
    /// advertising the old one until it is restarted.
    ///
    /// # Panics
    /// If the address is taken.
    #[track_caller]
    pub fn readdress(&mut self, node: NodeId, addr: SocketAddr) {
        let old = std::mem::replace(&mut self.nodes[node.index()].addr, addr);
        self.by_addr.remove(&old);
        self.take_address(node, addr);
        self.note_fault(node, &format!("moves to {addr}"));
    }

    /// Writes a line into the trace.
    pub fn note(&mut self, text: &str) {
        if let Some(trace) = &mut self.trace {
            trace.fault(self.now, None, text);
        }
    }

    pub(crate) fn note_fault(&mut self, node: NodeId, text: &str) {
        if let Some(trace) = &mut self.trace {
            trace.fault(self.now, Some(node), text);
        }
    }

    #[track_caller]
    fn stop(&mut self, node: NodeId, pace: Pace) {
        let it = &mut self.nodes[node.index()];
        let runs = it.endpoint.is_some() && it.pace == Pace::Runs;
        assert!(runs, "{} is not running: it cannot be stopped", it.config.name());
        it.pace = pace;
    }

    /// A killed process no longer stands still, and neither does its clock.
    fn resume_machine(&mut self, node: NodeId) {
        let now = self.now;
        let it = &mut self.nodes[node.index()];
        if let Pace::Suspended(since) = std::mem::replace(&mut it.pace, Pace::Runs) {
            it.behind += now - since;
            self.network.thaw(node);
        }
    }
}
