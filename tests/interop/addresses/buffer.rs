//! How many datagrams may wait while a process does not run.

use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::program::RUNTIMES;
use crate::harness::scene::Scene;
use crate::harness::setting::PLAIN;
use crate::harness::wait::{SOON, until};
use crate::{Case, case};

pub(crate) fn cases() -> Vec<Case> {
    let of_each = |runtime: &'static str| {
        let name = format!("address/a_node_that_is_stopped_loses_no_more_than_an_agent/{runtime}");
        case(name, move |scene| loses_no_more(scene, runtime))
    };
    RUNTIMES.into_iter().map(of_each).collect()
}

fn loses_no_more(scene: &Scene, runtime: &str) {
    let ip = scene.ip("node");
    let node = scene.program([runtime, "node", &ip.to_string(), ""], None);
    node.logs(&["node starts"], SOON);
    let agent = scene.agent(&PLAIN, "agent", &[]);

    let agent_lost = lost_by(scene.ip("agent"), agent.pid());
    let node_lost = lost_by(ip, node.pid());
    eprintln!("lost of 2,000: agent {agent_lost}, node on {runtime} {node_lost}");
    assert!(node_lost <= agent_lost, "the agent loses {agent_lost}, we lose {node_lost}");
}

/// How many of 2,000 datagrams are lost that come within 100 ms in which the process does not run.
fn lost_by(ip: IpAddr, process: Pid) -> u64 {
    // A nack for nobody, which no peer complains about, and which is as long as a packet can be.
    let mut packet = b"\x0b\x81\xa5SeqNo\x01".to_vec();
    packet.resize(1400, 0);
    let socket = UdpSocket::bind((ip, 0)).expect("an address of this machine");
    let before = drops_at(ip);
    kill_process(process, Signal::STOP).expect("it is our child");
    until("it stands still", SOON, || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_pid()));
        let stat = stat.expect("this is Linux");
        if stat.contains(") T ") { Ok(()) } else { Err(stat) }
    });
    for _ in 0..2000 {
        socket.send_to(&packet, (ip, 7946)).expect("the socket is there");
    }
    thread::sleep(Duration::from_millis(100));
    kill_process(process, Signal::CONT).expect("it is our child");
    thread::sleep(Duration::from_secs(1));
    drops_at(ip) - before
}

/// How many datagrams found no room in the socket of a node at this address.
fn drops_at(ip: IpAddr) -> u64 {
    let IpAddr::V4(ip) = ip else { panic!("{ip} is of IPv4") };
    let addr = format!("{:08X}:{:04X}", u32::from_le_bytes(ip.octets()), 7946);
    let table = fs::read_to_string("/proc/net/udp").expect("this is Linux");
    let line = table.lines().find(|line| line.contains(&addr)).expect("the socket is there");
    line.split_whitespace().last().and_then(|drops| drops.parse().ok()).expect("a number")
}
