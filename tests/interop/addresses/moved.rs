//! A machine gets another address while its node runs.

use std::rc::Rc;
use std::thread;
use std::time::Duration;

use crate::addresses::advertised::{add_bridge, entry};
use crate::harness::peer::Peer;
use crate::harness::program::RUNTIMES;
use crate::harness::scene::Scene;
use crate::harness::setting::LAN;
use crate::harness::wait::{PATIENCE, SOON, until};
use crate::{Case, network_case};

/// A node looks at its interfaces every 2 s, and believes what it has seen twice.
const NOTICED: Duration = Duration::from_secs(10);

pub(crate) fn cases() -> Vec<Case> {
    let of_each = |runtime: &'static str| {
        let follows =
            format!("address/agents_and_nodes_follow_a_node_to_its_new_address/{runtime}");
        let dead = format!("address/agents_follow_a_node_that_they_hold_for_dead/{runtime}");
        let given = format!("address/an_address_that_was_bound_and_is_gone_is_a_warning/{runtime}");
        [
            network_case(follows, move |scene| is_followed(scene, runtime, false)),
            network_case(dead, move |scene| is_followed(scene, runtime, true)),
            network_case(given, move |scene| is_missed(scene, runtime)),
        ]
    };
    RUNTIMES.into_iter().flat_map(of_each).collect()
}

fn is_followed(scene: &Scene, runtime: &str, after_its_death: bool) {
    let network = scene.lay_network();
    let peers = ["agent-1", "agent-2", "node-1"].map(|name| scene.peer(&LAN, name, "agent-1"));
    let here = network.host("moving");
    add_bridge(&here);
    let old = here.ip.to_string();
    here.run("ip route add default via 10.0.0.1");
    let seed = network.host("agent-1").ip.to_string();
    let node = scene.program([runtime, "moving", "0.0.0.0", &seed], Some(here.clone()));
    all_list(&peers, &old);

    here.run(&format!("ip address del {old}/24 dev eth0"));
    if after_its_death {
        for peer in &peers {
            peer.hears_change("member-failed", "moving");
        }
    }
    here.run("ip address add 10.0.0.99/24 dev eth0");
    here.run("ip route add default via 10.0.0.1");

    node.logs(&["WARN", "our address has changed; advertising 10.0.0.99"], NOTICED);
    all_list(&peers, "10.0.0.99");
    // It stays there, and has its name.
    thread::sleep(SOON);
    all_list(&peers, "10.0.0.99");
    let log = node.log();
    assert!(!log.contains("conflict"), "{log}");
}

#[track_caller]
fn all_list(peers: &[Rc<dyn Peer>], ip: &str) {
    for peer in peers {
        until(format_args!("{} lists it at {ip}", peer.name()), PATIENCE, || {
            let roster = peer.roster();
            if roster.has(&entry("moving", ip, "alive")) { Ok(()) } else { Err(roster) }
        });
    }
}

fn is_missed(scene: &Scene, runtime: &str) {
    let here = scene.lay_network().host("node");
    let ip = here.ip.to_string();
    let node = scene.program([runtime, "node", &ip, ""], Some(here.clone()));
    node.logs(&["node starts", &ip], SOON);
    // It is looked at for the first time while it is there.
    thread::sleep(Duration::from_secs(3));
    here.run(&format!("ip address del {ip}/24 dev eth0"));
    node.logs(&["WARN", "is gone from this machine", &ip, "bind 0.0.0.0 or [::]"], NOTICED);
    here.run(&format!("ip address add {ip}/24 dev eth0"));
    node.logs(&["INFO", "is back", &ip], NOTICED);
}
