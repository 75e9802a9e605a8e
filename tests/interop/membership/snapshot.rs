//! Snapshots: an agent starts from ours, and we start from an agent's.

use std::rc::Rc;
use std::time::Duration;

use serfer_tokio::{AfterLeave, Coalesce};

use crate::harness::agent::Agent;
use crate::harness::node::Node;
use crate::harness::peer::{Heard, Peer, agree};
use crate::harness::scene::Scene;
use crate::harness::setting::{AES_128, PLAIN, Setting};
use crate::harness::wait::SOON;
use crate::{Case, case};

/// Any member that comes back has done so by then.
const ALONE: Duration = Duration::from_secs(3);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("snapshot/an_agent_goes_on_from_ours", |scene| {
            let cast = Cast::of(scene, PLAIN);
            let ours = cast.ours(AfterLeave::StayAway);
            cast.hear("old", &*ours);
            ours.kill();
            let agent = cast.theirs(&[]);
            cast.comes_back(&*agent);
            agent.logs("Attempting re-join to previously known node: ", 1);
        }),
        case("snapshot/we_go_on_from_an_agents", |scene| {
            let cast = Cast::of(scene, AES_128);
            let agent = cast.theirs(&cast.join());
            cast.hear("old", &*agent);
            agent.terminate();
            cast.comes_back(&*cast.ours_alone(AfterLeave::StayAway));
        }),
        case("snapshot/an_agent_stays_away_if_we_left", |scene| {
            let cast = Cast::of(scene, PLAIN);
            cast.ours(AfterLeave::StayAway).leave();
            cast.stays_away(&*cast.theirs(&[]));
        }),
        case("snapshot/an_agent_comes_back_if_we_left_and_it_is_to", |scene| {
            let cast = Cast::of(scene, PLAIN);
            cast.ours(AfterLeave::StayAway).leave();
            cast.comes_back(&*cast.theirs(&["-rejoin"]));
        }),
        case("snapshot/we_stay_away_if_an_agent_left", |scene| {
            let cast = Cast::of(scene, PLAIN);
            cast.theirs(&cast.join()).leave();
            cast.stays_away(&*cast.ours_alone(AfterLeave::StayAway));
        }),
        case("snapshot/we_come_back_if_an_agent_left_and_we_are_to", |scene| {
            let cast = Cast::of(scene, PLAIN);
            cast.theirs(&[&cast.join()[..], &["-rejoin"]].concat()).leave();
            cast.comes_back(&*cast.ours_alone(AfterLeave::Rejoin));
        }),
    ]
}

/// A seed, and a member that is first an agent and then a node of ours, or the reverse. Both use
/// the same snapshot.
struct Cast<'a> {
    scene: &'a Scene,
    setting: Setting,
    seed: Rc<Agent>,
    path: String,
    flags: [String; 2],
}

impl<'a> Cast<'a> {
    fn of(scene: &'a Scene, setting: Setting) -> Self {
        let seed = scene.agent(&setting, "seed", &[]);
        let path = scene.file("snapshot").display().to_string();
        let flags = [format!("-snapshot={path}"), format!("-join={}", scene.ip("seed"))];
        Self { scene, setting, seed, path, flags }
    }

    /// An agent's flag to join the seed.
    fn join(&self) -> [&str; 1] {
        [&self.flags[1]]
    }

    /// A node of ours that has joined the seed.
    fn ours(&self, after_leave: AfterLeave) -> Rc<Node> {
        let (seed, path) = (self.scene.ip("seed").to_string(), self.path.clone());
        let node = self.scene.node(&self.setting, "member", |builder| {
            builder.snapshot(path).after_leave(after_leave).join([seed])
        });
        agree(&[&*self.seed, &*node]);
        node
    }

    /// A node of ours that joins no seed.
    fn ours_alone(&self, after_leave: AfterLeave) -> Rc<Node> {
        let path = self.path.clone();
        self.scene.node(&self.setting, "member", |builder| {
            builder.snapshot(path).after_leave(after_leave)
        })
    }

    fn theirs(&self, flags: &[&str]) -> Rc<Agent> {
        let flags: Vec<&str> = [&[self.flags[0].as_str()], flags].concat();
        let agent = self.scene.agent(&self.setting, "member", &flags);
        if flags.contains(&self.join()[0]) {
            agree(&[&*self.seed, &*agent]);
        }
        agent
    }

    fn hear(&self, event: &str, member: &dyn Peer) {
        self.seed.send("deploy", event, Coalesce::No);
        member.hears_event("deploy", event, SOON);
    }

    /// The member rejoins by itself, and hears new events only.
    fn comes_back(&self, member: &dyn Peer) {
        agree(&[&*self.seed, member]);
        self.hear("new", member);
        let events = member.heard().into_iter().filter(|heard| matches!(heard, Heard::Event(_)));
        assert_eq!(events.count(), 1, "it hears only what is new");
    }

    /// The member does not rejoin.
    fn stays_away(&self, member: &dyn Peer) {
        std::thread::sleep(ALONE);
        member.lists_only(&[member], SOON);
    }
}
