//! A firewall lets datagrams through and drops streams.

use std::time::Duration;

use crate::harness::peer::agree;
use crate::harness::program::RUNTIMES;
use crate::harness::scene::Scene;
use crate::harness::setting::LAN;
use crate::harness::wait::SOON;
use crate::{Case, network_case};

/// The first push/pull may come after a minute. It and the one that repeats it take 10 s each.
const NOTICED: Duration = Duration::from_secs(120);

pub(crate) fn cases() -> Vec<Case> {
    let of_each = |runtime: &'static str| {
        let name =
            format!("network/streams_that_fail_while_datagrams_pass_are_a_warning/{runtime}");
        network_case(name, move |scene| is_told(scene, runtime))
    };
    RUNTIMES.into_iter().map(of_each).collect()
}

fn is_told(scene: &Scene, runtime: &str) {
    let network = scene.lay_network();
    let peers = ["agent-1", "agent-2"].map(|name| scene.peer(&LAN, name, "agent-1"));
    agree(&[&*peers[0], &*peers[1]]);
    let here = network.host("node");
    let seed = network.host("agent-1").ip.to_string();
    let node = scene.program([runtime, "node", &here.ip.to_string(), &seed], Some(here.clone()));
    node.logs(&["member changed", "agent-1"], SOON);
    for rule in [
        "add table inet streams",
        "add chain inet streams come { type filter hook input priority 0 ; }",
        "add chain inet streams go { type filter hook output priority 0 ; }",
        "add rule inet streams come tcp dport 7946 drop",
        "add rule inet streams go tcp dport 7946 drop",
    ] {
        here.run(&format!("nft {rule}"));
    }
    node.logs(&["WARN", "answers datagrams but not streams", "name=agent-"], NOTICED);
}
