//! How long a push/pull in a large cluster keeps a node from everything else.
//!
//! Two nodes compare everything, once when one of them knows nobody yet, and once when both know
//! everybody. Each call is timed by itself, and of each kind of call the longest is printed: for so long a
//! ping would have waited.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serfer_proto::{
    Compression, Config, Encryption, Endpoint, Event, Keyring, Output, Replay, SecretKey,
    StreamEnd, StreamId,
};

use crate::crowd::Crowd;
use crate::meter::{counted, end_of_count, now, worked};
use crate::packets::{addr, name};

/// Those of which instructions are counted, when both know everybody.
pub(crate) const COUNTED: [(&str, Compression); 2] =
    [("push/pull", Compression::Off), ("push/pull, compressed", Compression::Streams)];

const SIZES: [usize; 2] = [10_000, 100_000];
/// The longest that any call may take.
const LONGEST: Duration = Duration::from_millis(5);
/// Longer than any push/pull takes.
const PROBE_INTERVAL: Duration = Duration::from_secs(600);
/// What a runtime reads at once.
const CHUNK: usize = 16 * 1024;
/// Of so many runs the fastest counts: caches are shared with what else runs here.
const RUNS: usize = 2;

/// Of each kind of call the longest.
type Longest = BTreeMap<&'static str, Duration>;

/// Prints a table, and tells whether no call took too long.
pub(crate) fn bench() -> bool {
    println!("\nThe longest call during a push/pull, in microseconds, and all calls together:");
    let mut holds = true;
    for members in SIZES {
        for (name, sealed, compression) in [
            ("plain", false, Compression::Off),
            ("compressed", false, Compression::Streams),
            ("sealed", true, Compression::Off),
            ("sealed, compressed", true, Compression::Streams),
        ] {
            let config = |name: &str| config(name, sealed, compression);
            let runs: Vec<[Longest; 2]> = (0..RUNS).map(|_| run(&config, members)).collect();
            for (at, what) in ["newcomer", "both know all"].iter().enumerate() {
                println!("\n{members} members, {name}, {what}:");
                for kind in runs[0][at].keys() {
                    let fastest = runs.iter().filter_map(|run| run[at].get(kind)).min();
                    let fastest = fastest.copied().unwrap_or_default();
                    let exceeds = *kind != "all" && fastest > LONGEST;
                    holds &= !exceeds;
                    let mark = if exceeds { "  exceeds the bound" } else { "" };
                    println!("  {kind:20}{:>9}{mark}", fastest.as_micros());
                }
            }
        }
    }
    holds
}

/// What runs under valgrind. That the newcomer gets to know everybody counts for itself.
pub(crate) fn count(members: usize) {
    for (_, compression) in COUNTED {
        let mut pair = Pair::new(&|name| config(name, false, compression), members);
        // valgrind does not bear with how it is asked for the time.
        pair.clock = || Duration::ZERO;
        for _ in 0..2 {
            pair.compare();
            end_of_count();
        }
    }
}

fn config(name: &str, sealed: bool, compression: Compression) -> Config {
    let key = SecretKey::new(&[7; 32]).expect("a key may have 32 bytes");
    // No datagram arrives here, so that probes would dial streams of their own.
    let config = Config::lan(name).compression(compression);
    let config = config.probe_with(|probe| probe.interval = PROBE_INTERVAL);
    if sealed { config.keyring(Keyring::new(key)).encryption(Encryption::Prefer) } else { config }
}

fn run(config: &dyn Fn(&str) -> Config, members: usize) -> [Longest; 2] {
    let mut pair = Pair::new(config, members);
    let of_newcomer = pair.compare();
    assert_eq!(pair.nodes[0].members().count(), members + 1);
    [of_newcomer, pair.compare()]
}

/// Two nodes and the stream between them. The first one dials.
struct Pair {
    nodes: [Endpoint; 2],
    now: Instant,
    deadlines: [Option<Instant>; 2],
    streams: [Option<StreamId>; 2],
    /// What is on its way to each.
    ways: [VecDeque<Input>; 2],
    is_joined: bool,
    longest: Longest,
    clock: fn() -> Duration,
}

enum Input {
    Accepted,
    Connected,
    Data(Vec<u8>),
    Closed,
}

impl Pair {
    /// One node among so many members, and one that knows nobody.
    fn new(config: &dyn Fn(&str) -> Config, members: usize) -> Self {
        let (node, time) = Crowd::with(config(&name(0)), members, now()).into_node();
        let newcomer = config("newcomer").advertise(addr(members + 1)).push_pull_interval(None);
        let newcomer = Endpoint::new(newcomer, [2; 32], time).expect("the configuration works");
        Self {
            nodes: [newcomer, node],
            now: time,
            deadlines: [None; 2],
            streams: [None; 2],
            ways: [VecDeque::new(), VecDeque::new()],
            is_joined: false,
            longest: Longest::new(),
            clock: worked,
        }
    }

    /// One push/pull, and what follows within a second.
    fn compare(&mut self) -> Longest {
        self.is_joined = false;
        let (now, to) = (self.now, [addr(0)]);
        self.call(0, "join", |node| drop(node.join(now, &to, Replay::Deliver)));
        let mut end = None;
        while end.is_none_or(|end| self.now < end) {
            while let Some((at, input)) =
                (0..2).find_map(|at| Some((at, self.ways[at].pop_front()?)))
            {
                self.take(at, input);
            }
            if self.is_joined && end.is_none() {
                end = Some(self.now + Duration::from_secs(1));
            }
            let at = usize::from(self.deadlines[1] < self.deadlines[0]);
            self.now = self.now.max(self.deadlines[at].expect("there is always another probe"));
            let now = self.now;
            self.call(at, "handle_timeout", |node| node.handle_timeout(now));
        }
        std::mem::take(&mut self.longest)
    }

    fn take(&mut self, at: usize, input: Input) {
        let now = self.now;
        match (input, self.streams[at]) {
            (Input::Accepted, _) => {
                self.streams[at] = self.nodes[at].handle_accepted(now, addr(0));
                self.drain(at);
            }
            (Input::Connected, Some(stream)) => {
                self.call(at, "handle_connected", |node| node.handle_connected(now, stream));
            }
            (Input::Data(data), Some(stream)) => {
                for chunk in data.chunks(CHUNK) {
                    self.call(at, "handle_stream_data", |node| {
                        node.handle_stream_data(now, stream, chunk);
                    });
                }
            }
            (Input::Closed, Some(stream)) => {
                self.call(at, "handle_stream_end", |node| {
                    node.handle_stream_end(now, stream, StreamEnd::Closed);
                });
            }
            (_, None) => {}
        }
    }

    fn call(&mut self, at: usize, kind: &'static str, call: impl FnOnce(&mut Endpoint)) {
        let start = (self.clock)();
        let mut call = Some(call);
        counted(&mut || {
            if let Some(call) = call.take() {
                call(&mut self.nodes[at]);
            }
        });
        self.count(kind, (self.clock)() - start);
        self.drain(at);
    }

    fn count(&mut self, kind: &'static str, time: Duration) {
        let longest = self.longest.entry(kind).or_default();
        *longest = time.max(*longest);
        *self.longest.entry("all").or_default() += time;
    }

    fn drain(&mut self, at: usize) {
        let other = 1 - at;
        loop {
            let mut bytes = Vec::new();
            let start = (self.clock)();
            let mut output = None;
            counted(&mut || output = Some(self.nodes[at].poll_output(&mut bytes)));
            self.count("poll_output", (self.clock)() - start);
            let Some(output) = output else { return };
            match output {
                Output::Connect { stream, .. } => {
                    self.streams[at] = Some(stream);
                    self.ways[other].push_back(Input::Accepted);
                    self.ways[at].push_back(Input::Connected);
                }
                Output::Write { .. } => self.ways[other].push_back(Input::Data(bytes)),
                Output::Close { .. } => self.ways[at].push_back(Input::Closed),
                Output::Event(Event::JoinDone(done)) => self.is_joined = !done.reached.is_empty(),
                Output::Wait { until } => {
                    self.deadlines[at] = until;
                    return;
                }
                _ => {}
            }
        }
    }
}
