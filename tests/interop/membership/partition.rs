//! Faulty networks: a member that is cut off and comes back, and datagrams that get lost.
//!
//! All peers have the preset for a LAN. In a cluster of three there are no confirmations, so a
//! suspicion lasts for the shortest time. Two rounds of probes go before it, which take longer for
//! a peer in bad health.

use std::rc::Rc;
use std::thread;
use std::time::Duration;

use crate::harness::network::Network;
use crate::harness::peer::{Heard, Peer, agree};
use crate::harness::scene::Scene;
use crate::harness::setting::LAN;
use crate::harness::wait::{SOON, until};
use crate::{Case, network_case};

/// A suspicion of 4 s, and probes of up to 8 s each for a peer that is cut off.
const NOTICED: Duration = Duration::from_secs(30);

/// After 30 s dead members are no longer told that they are dead.
const FORGOTTEN: Duration = Duration::from_secs(35);

/// Failed members are tried again every 30 s, certainly by a peer that is alone. A dial that has
/// begun before may have to end first.
const RECONNECTED: Duration = Duration::from_secs(60);

const A_MINUTE: Duration = Duration::from_secs(60);
const LOSS_PERCENT: u8 = 30;

const TRIOS: [[&str; 3]; 2] = [["agent-1", "agent-2", "node-1"], ["node-1", "node-2", "agent-1"]];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for trio in TRIOS {
        let [first, second, third] = trio;
        cases.push(network_case(
            format!("network/a_minute_of_loss_fells_nobody/{first}_{second}_{third}"),
            move |scene| Trio::start(scene, trio).bears_loss(),
        ));
        for cut in [first, third] {
            cases.push(network_case(
                format!(
                    "network/who_is_cut_off_fails_and_comes_back/{cut}_of_{first}_{second}_{third}"
                ),
                move |scene| Trio::start(scene, trio).is_cut_and_mended(cut),
            ));
        }
    }
    cases
}

struct Trio {
    network: Rc<Network>,
    peers: Vec<Rc<dyn Peer>>,
}

impl Trio {
    #[track_caller]
    fn start(scene: &Scene, names: [&str; 3]) -> Self {
        let network = scene.lay_network();
        let peers = names.map(|name| scene.peer(&LAN, name, names[0]));
        let trio = Self { network, peers: peers.into() };
        agree(&trio.all());
        trio
    }

    fn all(&self) -> Vec<&dyn Peer> {
        self.peers.iter().map(|peer| &**peer).collect()
    }

    /// First for a short time, and then for longer than the others would tell it that it is dead.
    fn is_cut_and_mended(&self, name: &str) {
        let (cut, others): (Vec<&dyn Peer>, Vec<_>) =
            self.all().into_iter().partition(|peer| peer.name() == name);

        for cut_off_for in [Duration::ZERO, FORGOTTEN] {
            self.network.cut(name);
            see(&others, &cut, "failed", NOTICED);
            see(&cut, &others, "failed", NOTICED);
            see(&others, &others, "alive", SOON);
            thread::sleep(cut_off_for);

            self.network.mend(name);
            see(&others, &cut, "alive", RECONNECTED);
            see(&cut, &others, "alive", RECONNECTED);
            agree(&self.all());
        }
    }

    /// A ping that is lost is sent in other ways, in the end over a stream.
    fn bears_loss(&self) {
        self.network.lose(LOSS_PERCENT);
        thread::sleep(A_MINUTE);

        agree(&self.all());
        let lost = self.network.lost();
        assert!(lost >= 50, "only {lost} datagrams got lost");
        for peer in self.all() {
            let is_failure = |heard: &Heard| match heard {
                Heard::Member { change, .. } => change == "member-failed",
                Heard::Event(_) | Heard::Query(_) => false,
            };
            let heard = peer.heard();
            assert!(!heard.iter().any(is_failure), "{} heard {heard:?}", peer.name());
        }
    }
}

/// Waits until all of these list all of those with this status.
#[track_caller]
fn see(these: &[&dyn Peer], those: &[&dyn Peer], status: &str, within: Duration) {
    for (this, that) in these.iter().flat_map(|this| those.iter().map(move |that| (this, that))) {
        let mut entry = that.entry();
        status.clone_into(&mut entry.status);
        until(format_args!("{} lists {entry}", this.name()), within, || {
            let roster = this.roster();
            if roster.has(&entry) { Ok(()) } else { Err(roster) }
        });
    }
}
