//! The snapshot: what a restarted node knows of its earlier life.
//!
//! The file has a record in each line, in the format of Go's `snapshot.go`, so Go and serfer can each
//! go on from the other's file. Records that Go does not have are comments, which Go skips: failed
//! members that may come back (hs#333) and how long they have been gone, and our incarnation. A snapshot is replayed before a node is
//! made. Lines that cannot be read are skipped and reported; only a file that is no snapshot at all is
//! refused. Runtimes, `config` and `serf` enter here; the core writes the file in `serf/snapshot/`.
//! Read `record.rs` first, for the lines, then this file, then `evidence.rs`.

mod evidence;
mod record;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use evidence::Evidence;
pub use record::LineFault;
pub(crate) use record::Record;

/// Whether a node that left rejoins by itself when it is restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AfterLeave {
    /// It starts as if it had never been a member.
    #[default]
    StayAway,
    /// It comes back as after a crash. Go: `RejoinAfterLeave`.
    Rejoin,
}

/// An earlier life of a node, as its snapshot tells it. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Recovered {
    pub(crate) after_leave: AfterLeave,
    pub(crate) state: Arc<State>,
    /// How long the snapshot is.
    pub(crate) len: usize,
    /// Whether it can be appended to.
    pub(crate) end: End,
    problems: Vec<SnapshotProblem>,
    /// How many lines were skipped.
    skipped: usize,
}

/// What all lines of a snapshot add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) clock: u64,
    pub(crate) event_clock: u64,
    pub(crate) query_clock: u64,
    pub(crate) incarnation: u32,
    /// For how many seconds the node had run when this was last recorded. What matters is how much later that
    /// was than when a member failed.
    pub(crate) uptime: u64,
    pub(crate) peers: BTreeMap<Box<str>, Peer>,
}

/// A member in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) addr: SocketAddr,
    pub(crate) fate: Fate,
    /// The uptime when it was recorded.
    pub(crate) since: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Alive,
    Failed,
}

/// Whether a snapshot can go on where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Complete,
    /// Its last line is cut short, so the next record would be appended to that, or it has lines that make no
    /// sense. It is to be replaced.
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

/// The file is not a snapshot: it has more lines of other text than records, or other bytes and no record at
/// all. Move it away, or name another file. A file of zeros is a snapshot of nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a snapshot: {first}")]
pub struct SnapshotError {
    /// The first wrong line.
    pub first: SnapshotProblem,
}

/// How many problems are remembered.
const PROBLEMS_MAX: usize = 16;

/// Shows only counts: a snapshot may hold many members.
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
    /// For a node that keeps a snapshot and has none yet.
    pub fn nothing(after_leave: AfterLeave) -> Self {
        let (state, problems) = (Arc::default(), Vec::new());
        Self { after_leave, state, len: 0, end: End::Complete, problems, skipped: 0 }
    }

    /// Reads a snapshot, ours or Go's. Lines that cannot be read are skipped, see
    /// [`problems`](Self::problems); so is a last line that was not written to its end.
    ///
    /// A node that starts with what is left replaces the file soon. Keep a copy if there are
    /// [problems](Self::problems).
    ///
    /// # Errors
    /// If the file is not a snapshot.
    pub fn replay(snapshot: &[u8], after_leave: AfterLeave) -> Result<Self, SnapshotError> {
        let mut recovered = Self { len: snapshot.len(), ..Self::nothing(after_leave) };
        let mut state = State::default();
        let mut evidence = Evidence::default();
        for (number, line) in snapshot.split_inclusive(|&byte| byte == b'\n').enumerate() {
            let whole = line.strip_suffix(b"\n");
            let fault = match (whole, Record::parse(whole.unwrap_or(line))) {
                (Some(_), Ok(Record::Comment)) => continue,
                (Some(_), Ok(record)) => {
                    evidence.note_right();
                    state.apply(&record, after_leave);
                    continue;
                }
                (Some(_), Err(fault)) => fault,
                // It was not written to its end.
                (None, parsed) => {
                    recovered.end = End::Torn;
                    match parsed {
                        Err(fault) if !Record::could_be(line) => fault,
                        Err(LineFault::Zeros) => LineFault::Zeros,
                        _ => break,
                    }
                }
            };
            evidence.note_wrong(whole.unwrap_or(line), fault);
            recovered.skip(number + 1, fault);
        }
        if !evidence.is_of_snapshot() {
            let first = recovered.problems.swap_remove(0);
            return Err(SnapshotError { first });
        }
        recovered.state = Arc::new(state);
        Ok(recovered)
    }

    fn skip(&mut self, line: usize, fault: LineFault) {
        self.end = End::Torn;
        self.skipped += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(SnapshotProblem { line, fault });
        }
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

    /// The last time of the member clock.
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

    /// The incarnation of this node; 0 in a snapshot that Go wrote.
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

    /// How many lines were skipped, besides a last one that was not written to its end.
    pub fn skipped(&self) -> usize {
        self.skipped
    }
}

impl State {
    fn apply(&mut self, record: &Record<'_>, after_leave: AfterLeave) {
        let since = self.uptime;
        let mut peer = |name: &str, addr, fate| {
            self.peers.insert(name.into(), Peer { addr, fate, since });
        };
        match *record {
            Record::Alive(name, addr) => peer(name, addr, Fate::Alive),
            Record::Failed(name, addr) => peer(name, addr, Fate::Failed),
            Record::NotAlive(name) | Record::Reaped(name) => drop(self.peers.remove(name)),
            Record::Clock(time) => self.clock = time,
            Record::EventClock(time) => self.event_clock = time,
            Record::QueryClock(time) => self.query_clock = time,
            Record::Incarnation(number) => self.incarnation = number,
            Record::Uptime(secs) => self.uptime = secs,
            // The incarnation of the next life still has to be higher.
            Record::Leave if after_leave == AfterLeave::StayAway => {
                *self = Self { incarnation: self.incarnation, ..Self::default() };
            }
            Record::Leave | Record::Coordinate | Record::Comment => {}
        }
    }
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
        for torn in ["c", "clock: 1", "alive: b 10.0.0.2:794", "leave"] {
            let it = replay(&format!("{whole}{torn}"));
            assert_eq!((it.clock(), it.alive().count()), (12, 1), "{torn:?}");
            assert_eq!((it.end, it.problems()), (End::Torn, &[][..]), "{torn:?}");
        }
        assert_eq!(replay("ali").end, End::Torn);
        assert_eq!(replay(whole).end, End::Complete);
    }

    #[test]
    fn what_is_no_snapshot_is_refused_with_its_first_wrong_line() {
        assert_eq!(refusal(b"\x7fELF\x02\n"), "not a snapshot: line 1 is not text");
        assert_eq!(
            refusal(b"\x7fELF\x02\0\0\0>\0"),
            "not a snapshot: line 1 has zeros in it, as after a loss of power"
        );
        // As UTF-16.
        assert_eq!(
            refusal(b"c\0l\0o\0c\0k\0\n\0"),
            "not a snapshot: line 1 has zeros in it, as after a loss of power"
        );
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

    fn replay_bytes(snapshot: &[u8]) -> (usize, Vec<String>, End) {
        let it = Recovered::replay(snapshot, AfterLeave::StayAway).unwrap();
        (it.alive().count(), it.problems().iter().map(ToString::to_string).collect(), it.end)
    }

    #[test]
    fn a_file_of_zeros_is_a_snapshot_of_nothing_after_a_loss_of_power() {
        let said = || vec!["line 1 has zeros in it, as after a loss of power".to_owned()];
        for zeros in [vec![0], vec![0; 4096], b"\0\0\n".to_vec(), b"ali\0\0".to_vec()] {
            assert_eq!(replay_bytes(&zeros), (0, said(), End::Torn));
        }
    }

    #[test]
    fn zeros_and_garbage_after_a_loss_of_power_cost_only_the_lines_they_are_in() {
        let [first, last] = ["alive: a 10.0.0.1:7946\n", "alive: b 10.0.0.2:7946\nclock: 7\n"];
        let garbage: Vec<u8> = (0..8192_u32).map(|n| (n * n % 251 + n % 7) as u8 | 0x80).collect();
        for hole in [&b"\0\0\0\0"[..], b"ali\0\0\0\0946\n", b"clo\xff\n\xfe\n\xfd\n", &garbage] {
            let whole = [first.as_bytes(), hole, b"\n", last.as_bytes()].concat();
            let (alive, problems, end) = replay_bytes(&whole);
            assert_eq!((alive, end), (2, End::Torn), "{problems:?}");
            assert!(problems[0].starts_with("line 2 "), "{problems:?}");
            let tail = [first.as_bytes(), hole].concat();
            assert_eq!(replay_bytes(&tail).0, 1);
            let head = [hole, b"\n", last.as_bytes()].concat();
            assert_eq!(replay_bytes(&head).0, 1);
        }
    }

    #[test]
    fn lines_may_end_as_an_editor_of_another_system_ends_them() {
        let it = replay("alive: a 10.0.0.1:7946\r\nclock: 7\r\nleave\r\n# incarnation: 5\r\n");
        assert_eq!((it.alive().count(), it.clock(), it.incarnation()), (0, 0, 5));
        assert_eq!(it.problems(), []);
    }
}
