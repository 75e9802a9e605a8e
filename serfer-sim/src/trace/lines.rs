//! What happened, as lines for people.
//!
//! A line is what one packet says, what one stream carries, what one node told its application, or
//! what was done to a node. It is written down when it happens and laid out when it is shown, so a
//! reader may pick lines first.

use std::fmt::{self, Write as _};
use std::time::Duration;

use serfer_proto::{Event, Keyring, SecretKey};

use super::packets::{Describer, describe_event};
use crate::engine::{Node, NodeId};
use crate::network::Loss;

/// What was recorded, in the order in which it happened.
///
/// Displayed, it is a table:
///
/// ```text
///    0.000 a → b   tcp push/pull join (a alive 1)
///    0.010 b       event member-join a
/// ```
#[derive(Debug, Default)]
pub struct Trace {
    lines: Vec<Line>,
    describer: Describer,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// When, since the simulation began.
    pub at: Duration,
    /// Who sent it, told it, or suffered it; `None` if it is about the whole network.
    pub node: Option<NodeId>,
    /// To whom it was sent.
    pub to: Option<NodeId>,
    /// What kinds of thing it is: one packet may bring several messages.
    pub kinds: Vec<Kind>,
    /// What it says.
    pub text: String,
    /// The names for `node` and `to`.
    who: String,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Pings and what answers them.
    Probe,
    /// Alive, suspect and dead messages.
    State,
    /// Messages of serf: intents, user events, queries and answers.
    Serf,
    /// What is written to a stream.
    Stream,
    /// What is written to a disk.
    Disk,
    /// What an application is told.
    Event,
    /// What is done to nodes and network.
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

/// What becomes of a datagram, as far as its line says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    Arrives,
    Twice,
    Corrupted,
    Lost(Loss),
    NobodyThere,
    Refused,
    Injected,
}

impl Ending {
    fn remark(self) -> &'static str {
        match self {
            Self::Arrives => "",
            Self::Twice => " (arrives twice)",
            Self::Corrupted => " (corrupted)",
            Self::Lost(Loss::Chance) => " (lost)",
            Self::Lost(Loss::Cut) => " (cut)",
            Self::Lost(Loss::TooLong) => " (lost: too long)",
            Self::Lost(Loss::QueueFull) => " (lost: queue full)",
            Self::NobodyThere => " (nobody there)",
            Self::Refused => " (refused: the interface is down)",
            Self::Injected => " (injected)",
        }
    }
}

impl Trace {
    pub(crate) const fn new() -> Self {
        Self { lines: Vec::new(), describer: Describer::new() }
    }

    /// All lines.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Shows some of the lines, laid out as all of them are.
    pub fn show(&self, mut wanted: impl FnMut(&Line) -> bool) -> String {
        let width = 2 * self.describer.name_width() + 3;
        let mut shown = String::new();
        for line in self.lines.iter().filter(|line| wanted(line)) {
            line.lay_out(width, &mut shown);
        }
        shown
    }

    /// Who knows what the nodes' names and numbers mean.
    pub(crate) fn describer(&self) -> &Describer {
        &self.describer
    }

    // ── recording ────────────────────────────────────────────────────────────────────────────────

    /// How many nodes are known.
    pub(crate) fn introduced(&self) -> usize {
        self.describer.known()
    }

    pub(crate) fn introduce(&mut self, node: &Node) {
        self.describer.introduce(node);
    }

    pub(crate) fn reintroduce(&mut self, id: NodeId, node: &Node) {
        self.describer.reintroduce(id, node);
    }

    /// A node is about to say something with these keys.
    pub(crate) fn learn_keys(&mut self, id: NodeId, keyring: Option<&Keyring>) {
        self.describer.learn(id, keyring);
    }

    /// A script has named a key.
    pub(crate) fn name_key(&mut self, key: SecretKey) {
        self.describer.name_key(key);
    }

    pub(crate) fn datagram(
        &mut self,
        at: Duration,
        from: NodeId,
        to: Option<NodeId>,
        bytes: &[u8],
        ending: Ending,
    ) {
        let (mut text, kinds) = self.describer.packet(from, to, bytes);
        text.push_str(ending.remark());
        self.push(at, Some(from), to, kinds, text);
    }

    pub(crate) fn stream(&mut self, at: Duration, from: NodeId, to: NodeId, bytes: &[u8]) {
        let text = self.describer.stream(from, to, bytes);
        self.push(at, Some(from), Some(to), vec![Kind::Stream], format!("tcp {text}"));
    }

    pub(crate) fn stream_fate(
        &mut self,
        at: Duration,
        from: NodeId,
        to: Option<NodeId>,
        what: &str,
    ) {
        self.push(at, Some(from), to, vec![Kind::Stream], format!("tcp {what}"));
    }

    pub(crate) fn event(&mut self, at: Duration, node: NodeId, event: &Event) {
        let text = describe_event(event, &self.describer);
        self.push(at, Some(node), None, vec![Kind::Event], format!("event {text}"));
    }

    pub(crate) fn store(&mut self, at: Duration, node: NodeId, text: &str) {
        self.push(at, Some(node), None, vec![Kind::Disk], format!("disk {text}"));
    }

    pub(crate) fn fault(&mut self, at: Duration, node: Option<NodeId>, text: &str) {
        self.push(at, node, None, vec![Kind::Fault], text.to_owned());
    }

    fn push(
        &mut self,
        at: Duration,
        node: Option<NodeId>,
        to: Option<NodeId>,
        kinds: Vec<Kind>,
        text: String,
    ) {
        let name = |node: NodeId| self.describer.name(node);
        let who = match (node, to) {
            (Some(from), Some(to)) => format!("{} → {}", name(from), name(to)),
            (Some(node), None) => name(node).to_owned(),
            (None, _) => String::new(),
        };
        self.lines.push(Line { at, node, to, kinds, text, who });
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show(|_| true))
    }
}

impl Line {
    fn lay_out(&self, width: usize, out: &mut String) {
        let written =
            writeln!(out, "{:>8.3} {:<width$}   {}", self.at.as_secs_f64(), self.who, self.text);
        written.expect("a String takes everything");
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8.3} {}   {}", self.at.as_secs_f64(), self.who, self.text)
    }
}
