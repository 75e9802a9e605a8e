//! Members: the types users see everywhere.

use std::net::SocketAddr;

use crate::api::node::Node;
use crate::api::tags::Tags;
use crate::wire::msgpack::Text;

/// A member of the cluster, as the local node knows it. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    pub(crate) node: Node,
    pub(crate) status: Status,
}

impl Member {
    /// The name, unique in the cluster.
    pub fn name(&self) -> &str {
        self.node.name()
    }

    /// The address it advertises, for datagrams and streams.
    pub fn addr(&self) -> SocketAddr {
        self.node.addr()
    }

    /// Its status.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Its tags, decoded afresh by each call.
    pub fn tags(&self) -> Tags {
        Tags::decode(self.node.meta())
    }

    /// The protocol versions it announced.
    pub fn versions(&self) -> Versions {
        self.node.versions()
    }
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member")
            .field("name", &self.name())
            .field("addr", &self.addr())
            .field("status", &self.status)
            .field("tags", &self.tags())
            .finish()
    }
}

/// A member's status, as in Go's `MemberStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Reachable, as far as the cluster knows.
    Alive,
    /// Has announced that it leaves.
    Leaving,
    /// Has left, or was declared to have left.
    Left,
    /// Stopped answering.
    Failed,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Alive => "alive",
            Self::Leaving => "leaving",
            Self::Left => "left",
            Self::Failed => "failed",
        })
    }
}

/// The protocol versions a node announces: memberlist's *protocol* and serf's *delegate* versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// The oldest memberlist protocol it understands.
    pub protocol_min: u8,
    /// The newest memberlist protocol it understands.
    pub protocol_max: u8,
    /// The memberlist protocol it speaks.
    pub protocol_cur: u8,
    /// The oldest serf protocol it understands.
    pub delegate_min: u8,
    /// The newest serf protocol it understands.
    pub delegate_max: u8,
    /// The serf protocol it speaks.
    pub delegate_cur: u8,
}

impl Versions {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let &[protocol_min, protocol_max, protocol_cur, delegate_min, delegate_max, delegate_cur] =
            bytes
        else {
            return None;
        };
        Some(Self {
            protocol_min,
            protocol_max,
            protocol_cur,
            delegate_min,
            delegate_max,
            delegate_cur,
        })
    }

    pub(crate) fn to_bytes(self) -> [u8; 6] {
        [
            self.protocol_min,
            self.protocol_max,
            self.protocol_cur,
            self.delegate_min,
            self.delegate_max,
            self.delegate_cur,
        ]
    }

    /// Whether each of the two understands the version that the other speaks. A single node with versions
    /// that contradict themselves or ours makes Go refuse every later push/pull (`verifyProtocol`), so such a
    /// node is never stored.
    pub(crate) fn fit(self, ours: Self) -> bool {
        let protocol = self.protocol_min..=self.protocol_max;
        let delegate = self.delegate_min..=self.delegate_max;
        self.protocol_min > 0
            && protocol.contains(&self.protocol_cur)
            && delegate.contains(&self.delegate_cur)
            && protocol.contains(&ours.protocol_cur)
            && delegate.contains(&ours.delegate_cur)
            && (ours.protocol_min..=ours.protocol_max).contains(&self.protocol_cur)
            && (ours.delegate_min..=ours.delegate_max).contains(&self.delegate_cur)
    }
}

/// A member name from the network, if it is acceptable.
///
/// Unlike Go, a name must be UTF-8 without control characters, so that no name can forge a line of a
/// snapshot or a log.
pub(crate) fn received_name(name: Text<'_>) -> Option<&str> {
    let name = name.to_str()?;
    let fits = (1..=RECEIVED_NAME_MAX).contains(&name.len());
    let is_plain = name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    (fits && (is_plain || !name.contains(char::is_control))).then_some(name)
}

const RECEIVED_NAME_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_called_as_in_go() {
        let all = [Status::Alive, Status::Leaving, Status::Left, Status::Failed];
        let called = all.map(|status| status.to_string());
        assert_eq!(called, ["alive", "leaving", "left", "failed"]);
    }

    #[test]
    fn versions_that_contradict_themselves_or_ours_do_not_fit() {
        let fits = |bytes: [u8; 6]| {
            let ours = Versions::from_bytes(&[1, 5, 2, 2, 5, 5]).unwrap();
            Versions::from_bytes(&bytes).unwrap().fit(ours)
        };
        assert!(fits([1, 5, 2, 2, 5, 5]));
        assert!(fits([1, 5, 2, 2, 5, 4]));
        assert!(fits([1, 4, 2, 2, 5, 5]));
        assert!(!fits([0; 6]));
        assert!(!fits([0, 5, 2, 2, 5, 5]));
        assert!(!fits([1, 5, 6, 2, 5, 5]));
        assert!(!fits([3, 5, 4, 2, 5, 5]));
        assert!(!fits([1, 5, 2, 0xff, 0xff, 0xff]));
        assert!(!fits([1, 5, 2, 2, 4, 4]));
        assert_eq!(Versions::from_bytes(&[1, 5, 2]), None);
    }

    #[test]
    fn names_that_could_forge_a_line_are_refused() {
        assert_eq!(received_name(Text(b"web-1")), Some("web-1"));
        assert_eq!(received_name(Text("ünïcode/ok".as_bytes())), Some("ünïcode/ok"));
        assert_eq!(received_name(Text(b"")), None);
        assert_eq!(received_name(Text(b"a\nleave")), None);
        assert_eq!(received_name(Text(b"\xff")), None);
        assert_eq!(received_name(Text(&[b'x'; 1024])).map(str::len), Some(1024));
        assert_eq!(received_name(Text(&[b'x'; 1025])), None);
    }
}
