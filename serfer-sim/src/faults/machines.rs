//! Faults of machines: pauses, crashes, restarts, new addresses.

use std::net::SocketAddr;

use serfer_proto::{Config, Endpoint};

use crate::engine::{Pause, Sim};
use crate::node_id::NodeId;

impl Sim {
    /// Pauses a node's process, as `SIGSTOP` does. Its clock goes on and its sockets fill up.
    ///
    /// # Panics
    /// If the node does not run.
    #[track_caller]
    pub fn pause(&mut self, node: NodeId) {
        self.begin_pause(node, Pause::Process);
        self.note_fault(node, "pauses");
    }

    /// Suspends a node's whole machine, like a virtual machine. Its clock stands still, and what is
    /// sent to it is lost.
    ///
    /// # Panics
    /// If the node does not run.
    #[track_caller]
    pub fn suspend(&mut self, node: NodeId) {
        self.begin_pause(node, Pause::Machine(self.now));
        self.network.set_suspended(node, true);
        self.note_fault(node, "is suspended");
    }

    /// Lets a paused or suspended node go on. A paused node first finds that its deadlines are
    /// overdue, and then reads its sockets, as a runtime does.
    pub fn resume(&mut self, node: NodeId) {
        let Some(stood_still) = self.end_pause(node) else {
            return;
        };
        let it = &mut self.nodes[node.index()];
        it.deadline = it.deadline.map(|deadline| deadline + stood_still);
        let is_overdue = it.deadline.is_some_and(|deadline| deadline <= self.now);
        self.note_fault(node, "resumes");
        if is_overdue {
            self.with(node, Endpoint::handle_timeout);
        }
        self.read_sockets(node);
        self.schedule(node);
    }

    /// Kills a node's process. Its machine resets the streams and refuses new ones. For a machine
    /// that answers nothing at all, [`isolate`](Self::isolate) it first.
    pub fn crash(&mut self, node: NodeId) {
        self.note_fault(node, "crashes");
        self.end_process(node);
    }

    /// Starts a node's process again, after killing it if it runs. It remembers its snapshot, if
    /// [it keeps one](Config::recovered), and nothing else.
    ///
    /// # Panics
    /// If its configuration is invalid, or its file is not a snapshot.
    #[track_caller]
    pub fn restart(&mut self, node: NodeId) {
        if self.endpoint(node).is_some() {
            self.crash(node);
        }
        let it = &mut self.nodes[node.index()];
        it.config = it.config.clone().advertise(it.addr);
        self.introduce(node);
        self.note_fault(node, "starts");
        self.start(node).expect("a changed configuration is valid");
    }

    /// Starts a node's process again, as [`restart`](Self::restart) does, but with the incarnation
    /// at the end of its last life.
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

    /// Gives a node another configuration for its next [`restart`](Self::restart). Its address stays:
    /// see [`readdress`](Self::readdress).
    pub fn configure(&mut self, node: NodeId, config: Config) {
        self.nodes[node.index()].config = config;
    }

    /// Gives a node another address. Its machine is reached there from now on. A running process
    /// advertises the old address until it is restarted, or told with
    /// [`set_advertise`](serfer_proto::Endpoint::set_advertise).
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

    #[track_caller]
    fn begin_pause(&mut self, node: NodeId, pause: Pause) {
        let it = &mut self.nodes[node.index()];
        assert!(it.is_running(), "{} is not running: it cannot be stopped", it.config.name());
        it.pause = pause;
    }
}
