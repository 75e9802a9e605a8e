//! The snapshot: what a node finds back when it starts again.
//!
//! A text with a record in each line, as Go's `snapshot.go` writes it, so that either can go on from
//! what the other wrote. What Go does not record stands in comments, which Go skips: who failed and
//! may come back (hs#333), and our incarnation. Replaying is done before a node is made; it takes what
//! it can read, remembers what it cannot, and refuses only what is no snapshot at all.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::api::incarnation;
use crate::api::member::received_name;
use crate::wire::msgpack::Text;

/// Whether a node that left comes back by itself when it is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AfterLeave {
    /// It has left for good: it starts as if it had never been a member.
    #[default]
    StayAway,
    /// It comes back as after a crash. Go: `RejoinAfterLeave`.
    Rejoin,
}

/// What a snapshot knows of an earlier life of a node. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Recovered {
    pub(crate) after_leave: AfterLeave,
    pub(crate) state: Arc<State>,
    /// How long the snapshot is.
    pub(crate) len: usize,
    /// Whether it can be appended to.
    pub(crate) end: End,
    problems: Vec<SnapshotProblem>,
}

/// What a snapshot says, all lines taken together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) clock: u64,
    pub(crate) event_clock: u64,
    pub(crate) query_clock: u64,
    pub(crate) incarnation: u32,
    pub(crate) peers: BTreeMap<Box<str>, Peer>,
}

/// A member, as a snapshot knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) addr: SocketAddr,
    pub(crate) fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Alive,
    Failed,
}

/// How the last line of a snapshot ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Complete,
    /// It was not written to its end, and the next would be appended to it.
    Torn,
}

/// A line that was skipped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} {fault}")]
pub struct SnapshotProblem {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: LineFault,
}

/// What is wrong with a line of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineFault {
    /// It has bytes that are not UTF-8, or zeros.
    #[error("is not text")]
    NotText,
    /// It begins like none of those that a snapshot has.
    #[error("is not a line of a snapshot")]
    Unknown,
    /// There is no `IP:PORT` at its end.
    #[error("has no address at its end")]
    Address,
    /// There is no name, or one that no member can have.
    #[error("has no name that a member can have")]
    Name,
    /// There is no number, or one that is too large.
    #[error("has no number that can be used")]
    Number,
}

/// A file that is no snapshot, or hardly one any more: most of its lines are wrong. Move it away, or
/// name another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a snapshot: {first}")]
pub struct SnapshotError {
    /// The first of the lines that are wrong.
    pub first: SnapshotProblem,
}

/// How many problems are remembered.
const PROBLEMS_MAX: usize = 16;

/// How much it knows: it may be of many members.
impl fmt::Debug for Recovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recovered")
            .field("len", &self.len)
            .field("peers", &self.state.peers.len())
            .field("problems", &self.problems.len())
            .finish_non_exhaustive()
    }
}

impl Recovered {
    /// What a node starts with that has no snapshot yet, but is to keep one.
    pub fn nothing(after_leave: AfterLeave) -> Self {
        let (state, problems) = (Arc::default(), Vec::new());
        Self { after_leave, state, len: 0, end: End::Complete, problems }
    }

    /// Reads a snapshot, ours or Go's. Lines that cannot be read are skipped, see
    /// [`problems`](Self::problems); so is a last line that was not written to its end.
    ///
    /// # Errors
    /// If more lines are wrong than right: then it is something else.
    pub fn replay(snapshot: &[u8], after_leave: AfterLeave) -> Result<Self, SnapshotError> {
        let mut recovered = Self { len: snapshot.len(), ..Self::nothing(after_leave) };
        let mut state = State::default();
        let (mut right, mut wrong) = (0_usize, 0_usize);
        let mut note = |line, fault| {
            wrong += 1;
            if wrong <= PROBLEMS_MAX {
                recovered.problems.push(SnapshotProblem { line, fault });
            }
        };
        for (number, line) in snapshot.split_inclusive(|&byte| byte == b'\n').enumerate() {
            let Some(line) = line.strip_suffix(b"\n") else {
                recovered.end = End::Torn;
                if right == 0 && !Record::could_be(line) {
                    note(number + 1, LineFault::Unknown);
                }
                break;
            };
            match Record::parse(line) {
                Ok(Record::Comment) => {}
                Ok(record) => {
                    right += 1;
                    state.apply(&record, after_leave);
                }
                Err(fault) => note(number + 1, fault),
            }
        }
        if wrong > right {
            let first = recovered.problems.swap_remove(0);
            return Err(SnapshotError { first });
        }
        recovered.state = Arc::new(state);
        Ok(recovered)
    }

    /// The members that were alive, by name, this node included.
    pub fn alive(&self) -> impl Iterator<Item = (&str, SocketAddr)> {
        self.peers(Fate::Alive)
    }

    /// The members that had failed, by name.
    pub fn failed(&self) -> impl Iterator<Item = (&str, SocketAddr)> {
        self.peers(Fate::Failed)
    }

    fn peers(&self, fate: Fate) -> impl Iterator<Item = (&str, SocketAddr)> {
        let peers = self.state.peers.iter().filter(move |(_, peer)| peer.fate == fate);
        peers.map(|(name, peer)| (&**name, peer.addr))
    }

    /// The last time of the member clock that was seen.
    pub fn clock(&self) -> u64 {
        self.state.clock
    }

    /// The Lamport time of the last user event.
    pub fn event_clock(&self) -> u64 {
        self.state.event_clock
    }

    /// The Lamport time of the last query.
    pub fn query_clock(&self) -> u64 {
        self.state.query_clock
    }

    /// The incarnation of this node; 0 in a snapshot of Go's.
    pub fn incarnation(&self) -> u32 {
        self.state.incarnation
    }

    /// Whether the node comes back by itself if it left.
    pub fn after_leave(&self) -> AfterLeave {
        self.after_leave
    }

    /// The first lines that were skipped, at most 16.
    pub fn problems(&self) -> &[SnapshotProblem] {
        &self.problems
    }
}

impl State {
    fn apply(&mut self, record: &Record<'_>, after_leave: AfterLeave) {
        let mut peer = |name: &str, addr, fate| {
            self.peers.insert(name.into(), Peer { addr, fate });
        };
        match *record {
            Record::Alive(name, addr) => peer(name, addr, Fate::Alive),
            Record::Failed(name, addr) => peer(name, addr, Fate::Failed),
            Record::NotAlive(name) | Record::Reaped(name) => drop(self.peers.remove(name)),
            Record::Clock(time) => self.clock = time,
            Record::EventClock(time) => self.event_clock = time,
            Record::QueryClock(time) => self.query_clock = time,
            Record::Incarnation(number) => self.incarnation = number,
            // That of the next life has to be higher all the same.
            Record::Leave if after_leave == AfterLeave::StayAway => {
                *self = Self { incarnation: self.incarnation, ..Self::default() };
            }
            Record::Leave | Record::Coordinate | Record::Comment => {}
        }
    }
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    /// A member is here.
    Alive(&'a str, SocketAddr),
    /// A member left or failed.
    NotAlive(&'a str),
    /// The last time seen of the member clock.
    Clock(u64),
    /// The time of the last user event.
    EventClock(u64),
    /// The time of the last query.
    QueryClock(u64),
    /// We left.
    Leave,
    /// What Go wrote until serf 0.8.1. Of no use to anybody.
    Coordinate,
    /// A member failed, and may be back some time. Ours.
    Failed(&'a str, SocketAddr),
    /// A member that failed is expected no more. Ours.
    Reaped(&'a str),
    /// The number of our last word about ourselves. Ours.
    Incarnation(u32),
    /// What somebody wrote for people.
    Comment,
}

/// Times above this are somebody's mischief.
const TIME_MAX: u64 = i64::MAX as u64;

/// What lines begin with.
const KEYWORDS: [&str; 8] = [
    "alive: ",
    "not-alive: ",
    "clock: ",
    "event-clock: ",
    "query-clock: ",
    "coordinate: ",
    "leave",
    "# ",
];

impl<'a> Record<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, LineFault> {
        let line = std::str::from_utf8(line).map_err(|_| LineFault::NotText)?;
        if line.contains('\0') {
            return Err(LineFault::NotText);
        }
        if line == "leave" {
            return Ok(Self::Leave);
        }
        if let Some(comment) = line.strip_prefix('#') {
            return Self::parse_comment(comment);
        }
        let (keyword, value) = line.split_once(": ").ok_or(LineFault::Unknown)?;
        match keyword {
            "alive" => named_addr(value).map(|(name, addr)| Self::Alive(name, addr)),
            "not-alive" => name(value).map(Self::NotAlive),
            "clock" => time(value).map(Self::Clock),
            "event-clock" => time(value).map(Self::EventClock),
            "query-clock" => time(value).map(Self::QueryClock),
            "coordinate" => Ok(Self::Coordinate),
            _ => Err(LineFault::Unknown),
        }
    }

    fn parse_comment(comment: &'a str) -> Result<Self, LineFault> {
        match comment.trim_start().split_once(": ") {
            Some(("failed", value)) => named_addr(value).map(|(name, at)| Self::Failed(name, at)),
            Some(("reaped", value)) => name(value).map(Self::Reaped),
            Some(("incarnation", value)) => {
                let number = value.parse().map_err(|_| LineFault::Number)?;
                let usable = number <= incarnation::END - 2;
                usable.then_some(Self::Incarnation(number)).ok_or(LineFault::Number)
            }
            _ => Ok(Self::Comment),
        }
    }

    /// Whether a line that was not written to its end may be one of a snapshot.
    fn could_be(line: &[u8]) -> bool {
        let fits = |keyword: &str| {
            let keyword = keyword.as_bytes();
            line.starts_with(keyword) || keyword.starts_with(line)
        };
        KEYWORDS.iter().any(|keyword| fits(keyword))
    }

    /// Appends the line.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        use std::io::Write as _;
        writeln!(out, "{self}").expect("a Vec takes everything");
    }
}

impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alive(name, addr) => write!(f, "alive: {name} {addr}"),
            Self::NotAlive(name) => write!(f, "not-alive: {name}"),
            Self::Clock(time) => write!(f, "clock: {time}"),
            Self::EventClock(time) => write!(f, "event-clock: {time}"),
            Self::QueryClock(time) => write!(f, "query-clock: {time}"),
            Self::Leave => f.write_str("leave"),
            Self::Coordinate => f.write_str("coordinate: "),
            Self::Failed(name, addr) => write!(f, "# failed: {name} {addr}"),
            Self::Reaped(name) => write!(f, "# reaped: {name}"),
            Self::Incarnation(number) => write!(f, "# incarnation: {number}"),
            Self::Comment => f.write_str("#"),
        }
    }
}

fn name(text: &str) -> Result<&str, LineFault> {
    received_name(Text(text.as_bytes())).ok_or(LineFault::Name)
}

/// A name may have spaces; an address has none.
fn named_addr(text: &str) -> Result<(&str, SocketAddr), LineFault> {
    let (text, addr) = text.rsplit_once(' ').ok_or(LineFault::Address)?;
    let addr = addr.parse().map_err(|_| LineFault::Address)?;
    Ok((name(text)?, addr))
}

fn time(text: &str) -> Result<u64, LineFault> {
    let time = text.parse().map_err(|_| LineFault::Number)?;
    if time <= TIME_MAX { Ok(time) } else { Err(LineFault::Number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(snapshot: &str) -> Recovered {
        Recovered::replay(snapshot.as_bytes(), AfterLeave::StayAway).unwrap()
    }

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn whatever_is_in_a_snapshot_it_is_shown_in_one_line() {
        let alive = |n: u16| format!("alive: member-{n} 10.0.0.1:{n}\n");
        let recovered = replay(&(1..=1000).map(alive).collect::<String>());
        let shown = format!("{recovered:?}");
        assert_eq!(shown, "Recovered { len: 30786, peers: 1000, problems: 0, .. }");
    }

    fn refusal(snapshot: &[u8]) -> String {
        Recovered::replay(snapshot, AfterLeave::StayAway).unwrap_err().to_string()
    }

    #[test]
    fn later_lines_win() {
        let it = replay(
            "alive: a 10.0.0.1:7946\nalive: b 10.0.0.2:7946\nclock: 9\nclock: 4\n\
             not-alive: b\nalive: c [::1]:7946\nalive: a 10.0.0.9:7946\nevent-clock: 3\n",
        );
        assert!(it.alive().eq([("a", addr("10.0.0.9:7946")), ("c", addr("[::1]:7946"))]), "{it:?}");
        assert_eq!((it.clock(), it.event_clock(), it.query_clock()), (4, 3, 0));
        assert_eq!(it.problems(), []);
    }

    #[test]
    fn a_failed_member_is_remembered_until_it_is_back_left_or_reaped() {
        let failed = "alive: b 10.0.0.2:7946\nnot-alive: b\n# failed: b 10.0.0.2:7946\n";
        let after = |then: &str| replay(&format!("{failed}{then}"));
        assert!(after("").failed().eq([("b", addr("10.0.0.2:7946"))]));
        assert_eq!(after("").alive().count(), 0);
        let back = after("alive: b 10.0.0.2:7946\n");
        assert_eq!((back.alive().count(), back.failed().count()), (1, 0));
        assert_eq!(after("not-alive: b\n").failed().count(), 0);
        assert_eq!(after("# reaped: b\n").failed().count(), 0);
    }

    #[test]
    fn after_leaving_only_the_incarnation_counts_unless_the_node_is_to_come_back() {
        let text = b"alive: a 10.0.0.1:7946\n# incarnation: 5\nclock: 7\nevent-clock: 8\nleave\n";
        let left = Recovered::replay(text, AfterLeave::StayAway).unwrap();
        assert_eq!((left.alive().count(), left.clock(), left.event_clock()), (0, 0, 0));
        assert_eq!(left.incarnation(), 5);
        let back = Recovered::replay(text, AfterLeave::Rejoin).unwrap();
        assert_eq!((back.alive().count(), back.clock(), back.event_clock()), (1, 7, 8));
    }

    #[test]
    fn odd_lines_are_skipped_and_named() {
        let it = replay(
            "alive: a 10.0.0.1:7946\nalive: b nowhere\nclock: many\nclock: 18446744073709551615\n\
             clock: 3\nquery-clock: 5\nevent-clock: 1\nhello\nalive:  10.0.0.1:1\ncoordinate: {}\n\
             not-alive: b\n# incarnation: 4294967295\n# by hand\n",
        );
        let problems: Vec<_> = it.problems().iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "line 2 has no address at its end",
                "line 3 has no number that can be used",
                "line 4 has no number that can be used",
                "line 8 is not a line of a snapshot",
                "line 9 has no name that a member can have",
                "line 12 has no number that can be used",
            ]
        );
        assert_eq!((it.clock(), it.incarnation()), (3, 0));
    }

    #[test]
    fn a_torn_last_line_is_skipped() {
        let whole = "alive: a 10.0.0.1:7946\nclock: 12\n";
        for torn in ["c", "clock: 1", "alive: b 10.0.0.2:794", "leave", "\0\0\0"] {
            let it = replay(&format!("{whole}{torn}"));
            assert_eq!((it.clock(), it.alive().count()), (12, 1), "{torn:?}");
            assert_eq!((it.end, it.problems()), (End::Torn, &[][..]), "{torn:?}");
        }
        assert_eq!(replay("ali").end, End::Torn);
        assert_eq!(replay(whole).end, End::Complete);
    }

    #[test]
    fn what_is_no_snapshot_is_refused_with_its_first_wrong_line() {
        assert_eq!(refusal(b"\x7fELF\x02\n"), "not a snapshot: line 1 is not a line of a snapshot");
        assert_eq!(refusal(b"\xff\xfe\n"), "not a snapshot: line 1 is not text");
        assert_eq!(refusal(b"[\"key\"]"), "not a snapshot: line 1 is not a line of a snapshot");
        assert_eq!(
            refusal(b"# settings\nbind: 10.0.0.1\nport: 1\n"),
            "not a snapshot: line 2 is not a line of a snapshot"
        );
        assert_eq!(
            refusal(b"clock: 1\nalive: a 10.0.0.1\nalive: b\n"),
            "not a snapshot: line 2 has no address at its end"
        );
    }

    #[test]
    fn an_empty_file_is_a_snapshot_of_nothing() {
        let nothing = Recovered::nothing(AfterLeave::StayAway);
        assert_eq!(replay(""), nothing);
    }

    #[test]
    fn every_line_is_read_as_it_is_written() {
        let records = [
            Record::Alive("web 1", addr("10.0.0.1:7946")),
            Record::Alive("six", addr("[fd00::1]:7946")),
            Record::NotAlive("web 1"),
            Record::Clock(TIME_MAX),
            Record::EventClock(0),
            Record::QueryClock(1),
            Record::Leave,
            Record::Failed("web 1", addr("10.0.0.1:7946")),
            Record::Reaped("web 1"),
            Record::Incarnation(7),
        ];
        for record in records {
            let mut line = Vec::new();
            record.write(&mut line);
            assert_eq!(Record::parse(line.strip_suffix(b"\n").unwrap()), Ok(record));
        }
    }
}
