//! What happened, as lines for readers.
//!
//! A line is about one packet, one write to a stream, one event of an application, or one fault. It
//! is recorded when it happens and formatted when it is shown, so a reader can select lines first.

use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use serfer_proto::{Event, Keyring, SecretKey};

use super::describer::Describer;
use super::events::describe_event;
use super::kind::Kind;
use crate::network::Loss;
use crate::node_id::NodeId;

/// What was recorded, in the order in which it happened.
///
/// It is displayed as a table:
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
    /// The node that sent it, whose event it is, or that has the fault. `None` if it is about the
    /// whole network.
    pub node: Option<NodeId>,
    /// The node that it was sent to.
    pub to: Option<NodeId>,
    /// Its kinds. There can be several, since one packet can have several messages.
    pub kinds: Vec<Kind>,
    /// What happened.
    pub text: String,
    /// The names of `node` and `to`.
    names: String,
}

/// What becomes of a datagram, as its line shows it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Delivery {
    Arrives,
    Twice,
    Corrupted,
    Lost(Loss),
    NobodyThere,
    Refused,
    Injected,
}

impl Delivery {
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

    /// Shows some of the lines. The columns are as wide as if all were shown.
    pub fn show(&self, mut wanted: impl FnMut(&Line) -> bool) -> String {
        let width = 2 * self.describer.name_width() + 3;
        let mut shown = String::new();
        for line in self.lines.iter().filter(|line| wanted(line)) {
            line.format(width, &mut shown);
        }
        shown
    }

    /// What is known of the nodes' names and numbers.
    pub(crate) fn describer(&self) -> &Describer {
        &self.describer
    }

    // ── recording ────────────────────────────────────────────────────────────────────────────────

    /// How many nodes were introduced.
    pub(crate) fn introduced(&self) -> usize {
        self.describer.introduced()
    }

    /// A node is created, or starts another life.
    pub(crate) fn introduce(
        &mut self,
        id: NodeId,
        name_and_addr: (&str, SocketAddr),
        keyring: Option<&Keyring>,
    ) {
        self.describer.introduce(id, name_and_addr, keyring);
    }

    /// A node is about to send something with these keys.
    pub(crate) fn learn_keys(&mut self, id: NodeId, keyring: Option<&Keyring>) {
        self.describer.learn_keys(id, keyring);
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
        delivery: Delivery,
    ) {
        let (mut text, kinds) = self.describer.packet(from, to, bytes);
        text.push_str(delivery.remark());
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
        let names = match (node, to) {
            (Some(from), Some(to)) => format!("{} → {}", name(from), name(to)),
            (Some(node), None) => name(node).to_owned(),
            (None, _) => String::new(),
        };
        self.lines.push(Line { at, node, to, kinds, text, names });
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show(|_| true))
    }
}

impl Line {
    fn format(&self, width: usize, out: &mut String) {
        let written =
            writeln!(out, "{:>8.3} {:<width$}   {}", self.at.as_secs_f64(), self.names, self.text);
        written.expect("writing to a String never fails");
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8.3} {}   {}", self.at.as_secs_f64(), self.names, self.text)
    }
}
