//! What an adapter costs: how much longer a node takes to ack a ping than a bare socket on the same
//! runtime takes to echo it.
//!
//! ```text
//! cargo bench -p serfer-tests
//! ```
//!
//! Both answer the same client, in turns, on a thread of their own, with the same number of bytes
//! and of system calls. The node runs as usual: driver, lock, endpoint, counters. If there are two
//! processors, the client has one and the servers have the other, so that the scheduler has no
//! influence.
#![expect(clippy::print_stdout, reason = "it says what it measures")]

mod servers;

use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};
use serfer_proto::wire::message::{Message, Ping};
use servers::{bare_smol, bare_tokio, node_on_smol, node_on_tokio};

/// How much longer a ping may take.
const RATIO_MAX: f64 = 1.3;

/// Short turns, so that whatever else the machine does disturbs both of a pair.
const TURNS: usize = 400;
const ROUND_TRIPS: u32 = 200;

const NAME: &str = "node";

fn main() -> ExitCode {
    stay_on_processor(0);
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let turns = if is_bench { TURNS } else { 1 };
    let mut is_fine = true;
    println!("runtime    bare echo   ping/ack    ratio");
    for (runtime, node, bare) in [
        ("tokio", node_on_tokio as Serve, bare_tokio as Serve),
        ("smol", node_on_smol as Serve, bare_smol as Serve),
    ] {
        let ratio = compare(runtime, node, bare, turns);
        is_fine &= !is_bench || ratio <= RATIO_MAX;
    }
    if is_fine {
        return ExitCode::SUCCESS;
    }
    println!("an adapter costs more than {RATIO_MAX} times a bare socket");
    ExitCode::FAILURE
}

/// Serves for ever. Sends its address first.
type Serve = fn(name: &str, ack_len: usize, ready: &dyn Fn(SocketAddr));

/// Prints the medians of both and of their ratio, and returns that.
fn compare(runtime: &str, node: Serve, bare: Serve, turns: usize) -> f64 {
    let node = Client::of(node, 0);
    let bare = Client::of(bare, node.ack_len);
    let turns: Vec<[f64; 2]> = (0..turns).map(|_| [bare.round_trip(), node.round_trip()]).collect();
    let [bare, node] = [0, 1].map(|which| median(turns.iter().map(|turn| turn[which])));
    let ratio = median(turns.iter().map(|[bare, node]| node / bare));
    println!("{runtime:<8} {bare:>8.1} µs {node:>7.1} µs {ratio:>8.2}");
    ratio
}

/// The client of one server.
struct Client {
    socket: UdpSocket,
    ping: Vec<u8>,
    ack_len: usize,
}

impl Client {
    fn of(serve: Serve, ack_len: usize) -> Self {
        let (sender, ready) = channel();
        thread::spawn(move || {
            stay_on_processor(1);
            let ready = |addr| sender.send(addr).expect("the client waits for it");
            serve(NAME, ack_len, &ready);
        });
        let socket = UdpSocket::bind("127.0.0.1:0").expect("there are free ports");
        socket.connect(ready.recv().expect("it starts")).expect("it is there");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("it is longer than zero");
        let mut ping = Vec::new();
        let (source_addr, source_node, source_port) = (None, None, None);
        let message = Ping { node: NAME.into(), seq: 1, source_addr, source_node, source_port };
        Message::Ping(message).encode(&mut ping);
        let mut client = Self { socket, ping, ack_len: 0 };
        client.ack_len = client.ask();
        client
    }

    fn ask(&self) -> usize {
        let mut ack = [0; 2048];
        self.socket.send(&self.ping).expect("it is there");
        self.socket.recv(&mut ack).expect("it answers")
    }

    /// The mean time of one round trip in microseconds.
    fn round_trip(&self) -> f64 {
        let begin = Instant::now();
        for _ in 0..ROUND_TRIPS {
            self.ask();
        }
        begin.elapsed().as_secs_f64() * 1e6 / f64::from(ROUND_TRIPS)
    }
}

/// Pins this thread to one processor, if that is possible.
fn stay_on_processor(number: usize) {
    let mut set = CpuSet::new();
    set.set(number);
    let _ = sched_setaffinity(None, &set);
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
