//! The rows of the table, and what each is to reach.

/// Works of one thread that never waits, as programs call them.
pub const MICRO: [&str; 8] =
    ["ping-ack", "known-8", "fresh", "gossip-1000", "push-pull", "aead", "heap", "simulator"];
/// Works of clusters, which take minutes.
pub const LIVE: [&str; 5] = ["cluster-100", "cluster-200", "query-3", "rate", "agent"];

pub struct Row {
    pub title: &'static str,
    pub work: &'static str,
    pub parameters: &'static str,
    pub metric: &'static str,
    pub unit: Unit,
    pub goals: &'static [Goal],
}

#[derive(Clone, Copy)]
pub enum Unit {
    /// Nanoseconds, shown as ns, µs or ms.
    Time,
    /// A number, with this behind it.
    Of(&'static str),
}

pub enum Goal {
    /// At most so many times what another system takes.
    Times(f64, &'static str),
    /// At most so many times what another system takes with these parameters.
    TimesOf(f64, &'static str, &'static str),
    AtMost(f64),
    AtLeast(f64),
}

use Goal::{AtLeast, AtMost, Times, TimesOf};
use Unit::{Of, Time};

const fn row(
    title: &'static str,
    (work, parameters, metric): (&'static str, &'static str, &'static str),
    unit: Unit,
    goals: &'static [Goal],
) -> Row {
    Row { title, work, parameters, metric, unit, goals }
}

#[rustfmt::skip]
pub const ROWS: [Row; 46] = [
    row("ping → ack, 1,000 members", ("ping-ack", "n=1000", "ns"), Time, &[Times(0.28, "al8n")]),
    row("… allocations", ("ping-ack", "n=1000", "allocs"), Of(""), &[AtMost(0.0)]),
    row("packet of 8 known alives, 1,000 members", ("known-8", "n=1000", "ns"), Time, &[Times(0.25, "al8n")]),
    row("… allocations", ("known-8", "n=1000", "allocs"), Of(""), &[AtMost(0.0)]),
    row("fresh alive, 1,000 members", ("fresh", "n=1000", "ns"), Time, &[Times(0.28, "al8n")]),
    row("fresh alive, 10,000", ("fresh", "n=10000", "ns"), Time, &[Times(0.32, "al8n")]),
    row("fresh alive, 100,000", ("fresh", "n=100000", "ns"), Time, &[Times(0.42, "al8n")]),
    row("gossip tick, 1,000 queued, 1,000 members", ("gossip-1000", "n=1000", "ns"), Time, &[Times(0.08, "Go memberlist")]),
    row("gossip tick, 1,000 queued, 100,000", ("gossip-1000", "n=100000", "ns"), Time, &[Times(0.08, "Go memberlist")]),
    row("push/pull of 10,000, both ends, TCP", ("push-pull", "n=10000 plain", "ns"), Time, &[Times(0.12, "Go memberlist"), Times(0.08, "Go serf")]),
    row("… LZW and AES-256", ("push-pull", "n=10000 lzw+aes256", "ns"), Time, &[Times(0.25, "Go memberlist"), Times(0.18, "Go serf")]),
    row("… allocations, plain", ("push-pull", "n=10000 plain", "allocs"), Of(""), &[]),
    row("seal 1,400 bytes, AES-128", ("seal-1400", "aes=128", "ns"), Time, &[TimesOf(1.1, "bare cipher", "aes-gcm aes=128")]),
    row("seal 1,400 bytes, AES-256", ("seal-1400", "aes=256", "ns"), Time, &[TimesOf(1.1, "bare cipher", "aes-gcm aes=256")]),
    row("open 1,400 bytes, AES-128", ("open-1400", "aes=128", "ns"), Time, &[TimesOf(1.1, "bare cipher", "aes-gcm aes=128")]),
    row("open 1,400 bytes, AES-256", ("open-1400", "aes=256", "ns"), Time, &[TimesOf(1.1, "bare cipher", "aes-gcm aes=256")]),
    row("seal 1,400 bytes, AES-256, `aws-lc`", ("seal-1400", "aws-lc aes=256", "ns"), Time, &[TimesOf(1.15, "bare cipher", "aws-lc-rs aes=256")]),
    row("open 1,400 bytes, AES-256, `aws-lc`", ("open-1400", "aws-lc aes=256", "ns"), Time, &[TimesOf(1.15, "bare cipher", "aws-lc-rs aes=256")]),
    row("heap per member, 1,000 members", ("heap", "n=1000", "bytes"), Of(" B"), &[]),
    row("heap per member, 10,000", ("heap", "n=10000", "bytes"), Of(" B"), &[]),
    row("heap per member, 100,000", ("heap", "n=100000", "bytes"), Of(" B"), &[AtMost(225.0)]),
    row("idle, 100 nodes: CPU-s per node and minute", ("idle", "n=100", "cpu-s/node/min"), Of(""), &[AtMost(0.010)]),
    row("… context switches per node and second", ("idle", "n=100", "switches/node/s"), Of(""), &[AtMost(3.2)]),
    row("… resident per node", ("idle", "n=100", "rss-kB/node"), Of(" kB"), &[AtMost(120.0)]),
    row("idle, 200 nodes: CPU-s per node and minute", ("idle", "n=200", "cpu-s/node/min"), Of(""), &[AtMost(0.010)]),
    row("… context switches per node and second", ("idle", "n=200", "switches/node/s"), Of(""), &[AtMost(3.2)]),
    row("… resident per node", ("idle", "n=200", "rss-kB/node"), Of(" kB"), &[AtMost(120.0)]),
    row("idle, 100 nodes on one thread: CPU-s", ("idle", "n=100 shared", "cpu-s/node/min"), Of(""), &[AtMost(0.006)]),
    row("… context switches per node and second", ("idle", "n=100 shared", "switches/node/s"), Of(""), &[]),
    row("… resident per node", ("idle", "n=100 shared", "rss-kB/node"), Of(" kB"), &[AtMost(60.0)]),
    row("idle, 200 nodes on one thread: CPU-s", ("idle", "n=200 shared", "cpu-s/node/min"), Of(""), &[AtMost(0.006)]),
    row("… resident per node", ("idle", "n=200 shared", "rss-kB/node"), Of(" kB"), &[AtMost(60.0)]),
    row("all see all, 100 nodes join one", ("all-see-all", "n=100", "ms"), Of(" ms"), &[AtMost(1_000.0)]),
    row("user event, 100 nodes: median node", ("event", "n=100", "ms-median-node"), Of(" ms"), &[AtMost(10.0)]),
    row("… all nodes", ("event", "n=100", "ms-all"), Of(" ms"), &[AtMost(40.0)]),
    row("query to 3 nodes, until the caller has all", ("query-3", "n=3", "ms"), Of(" ms"), &[AtMost(15.0)]),
    row("100 events a second to 9 others: delivered", ("rate", "n=10 rate=100", "delivered-%"), Of(" %"), &[AtLeast(99.0)]),
    row("400 events a second: delivered", ("rate", "n=10 rate=400", "delivered-%"), Of(" %"), &[AtLeast(99.0)]),
    row("1,000 events a second: delivered", ("rate", "n=10 rate=1000", "delivered-%"), Of(" %"), &[AtLeast(99.0)]),
    row("… refused", ("rate", "n=10 rate=1000", "refused-%"), Of(" %"), &[]),
    row("2,000 events a second: delivered", ("rate", "n=10 rate=2000", "delivered-%"), Of(" %"), &[]),
    row("… refused", ("rate", "n=10 rate=2000", "refused-%"), Of(" %"), &[]),
    row("simulator, 100 nodes: node-s per CPU-s", ("simulator", "n=100", "node-s/cpu-s"), Of(""), &[]),
    row("simulator, 1,000 nodes", ("simulator", "n=1000", "node-s/cpu-s"), Of(""), &[]),
    row("three agents, idle: CPU-s per agent and minute", ("agent", "n=3", "cpu-s/node/min"), Of(""), &[]),
    row("`serf query` to 3 agents, whole process", ("agent", "n=3", "query-ms"), Of(" ms"), &[]),
];
