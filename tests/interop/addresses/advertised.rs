//! Which address a node advertises that listens on all of them, and what it says if there is none.

use crate::harness::network::Host;
use crate::harness::peer::{Entry, Peer};
use crate::harness::program::RUNTIMES;
use crate::harness::scene::Scene;
use crate::harness::setting::LAN;
use crate::harness::wait::{PATIENCE, SOON, until};
use crate::{Case, network_case};

pub(crate) fn cases() -> Vec<Case> {
    let of_each = |runtime: &'static str| {
        let case = |name: &str, test: fn(&Scene, &str)| {
            network_case(format!("address/{name}/{runtime}"), move |scene| test(scene, runtime))
        };
        [
            case("a_node_on_all_of_ipv6_hears_ipv4_whatever_the_system_says", dual_stack),
            case("a_bridge_does_not_beat_the_interface_with_the_default_route", default_route),
            case("a_machine_with_ipv6_only_is_told_what_to_bind", ipv6_only),
            case("a_machine_without_a_network_is_told_how_to_try_it", no_network),
            case("an_address_of_one_link_is_refused", link_local),
        ]
    };
    RUNTIMES.into_iter().flat_map(of_each).collect()
}

/// How an agent lists a node of ours.
pub(super) fn entry(name: &str, ip: &str, status: &str) -> Entry {
    Entry {
        name: name.to_owned(),
        addr: format!("{ip}:7946"),
        status: status.to_owned(),
        tags: [("role".to_owned(), "node".to_owned())].into(),
    }
}

/// With this setting, which is the default of Windows and OpenBSD, a socket of IPv6 does not hear IPv4 unless it
/// asks to.
fn dual_stack(scene: &Scene, runtime: &str) {
    let network = scene.lay_network();
    let here = network.host("node");
    here.run("sysctl -w net.ipv6.bindv6only=1");
    let ip = here.ip.to_string();
    let node = scene.program([runtime, "node", "[::]", ""], Some(here));
    node.logs(&["node starts", &ip], SOON);
    let agent = scene.agent(&LAN, "agent", &[&format!("-join={ip}")]);
    until("the agent lists it", PATIENCE, || {
        let roster = agent.roster();
        if roster.has(&entry("node", &ip, "alive")) { Ok(()) } else { Err(roster) }
    });
}

fn default_route(scene: &Scene, runtime: &str) {
    let network = scene.lay_network();
    let (there, here) = (network.host("agent"), network.host("node"));
    there.run("ip address add 203.0.113.1/24 dev eth0");
    add_bridge(&here);
    here.run("ip address flush dev eth0");
    here.run("ip address add 203.0.113.2/24 dev eth0");
    here.run("ip route add default via 203.0.113.1");
    let agent = scene.agent(&LAN, "agent", &[]);
    let node = scene.program([runtime, "node", "0.0.0.0", &there.ip.to_string()], Some(here));
    node.logs(&["INFO", "advertising 203.0.113.2: interface eth0 has the default route"], SOON);
    until("the agent lists it", PATIENCE, || {
        let roster = agent.roster();
        let is_there = roster.has(&entry("node", "203.0.113.2", "alive"));
        if is_there { Ok(()) } else { Err(roster) }
    });
}

/// A bridge with a private address and a carrier, as container engines make one.
pub(super) fn add_bridge(host: &Host) {
    for command in [
        "ip link add docker0 type bridge",
        "ip link add port0 type veth peer name container0",
        "ip link set port0 master docker0 up",
        "ip link set container0 up",
        "ip address add 172.17.0.1/16 dev docker0",
        "ip link set docker0 up",
    ] {
        host.run(command);
    }
}

fn ipv6_only(scene: &Scene, runtime: &str) {
    let here = scene.lay_network().host("node");
    here.run("ip address flush dev eth0");
    here.run("ip address add 169.254.1.1/16 dev eth0");
    here.run("ip address add fd00::1/64 dev eth0 nodad");
    let node = scene.program([runtime, "node", "0.0.0.0", ""], Some(here.clone()));
    node.logs(&["cannot start: bound to 0.0.0.0:7946", "bind [::] to be reached at fd00::1"], SOON);
    drop(node);
    let node = scene.program([runtime, "again", "[::]", ""], Some(here));
    node.logs(&["INFO", "advertising fd00::1"], SOON);
}

fn no_network(scene: &Scene, runtime: &str) {
    let here = scene.lay_network().host("node");
    here.run("ip address flush dev eth0");
    let node = scene.program([runtime, "node", "0.0.0.0", ""], Some(here.clone()));
    node.logs(&["cannot start: ", "bind 127.0.0.1 to try it on this machine alone"], SOON);
    drop(node);
    let node = scene.program([runtime, "again", "127.0.0.1", ""], Some(here));
    node.logs(&["node starts", "127.0.0.1:7946"], SOON);
}

fn link_local(scene: &Scene, runtime: &str) {
    let here = scene.lay_network().host("node");
    here.run("ip address add fe80::77/64 dev eth0 nodad");
    let node = scene.program([runtime, "node", "[fe80::77%eth0]:7946", ""], Some(here));
    node.logs(&["cannot start: ", "fe80::77%eth0", "one link only"], SOON);
}
