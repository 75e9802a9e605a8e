//! One agent and one node of ours: every behaviour, in every setting, whichever of them joins the
//! other.

use std::rc::Rc;
use std::time::Duration;

use serfer_tokio::Coalesce;

use crate::harness::agent::Agent;
use crate::harness::node::Node;
use crate::harness::peer::{Answers, Heard, Peer, Question, agree};
use crate::harness::scene::Scene;
use crate::harness::setting::{SETTINGS, Setting};
use crate::harness::wait::SOON;
use crate::{Case, case};

/// What holds between an agent and a node of ours.
const BEHAVIOURS: [(&str, Behaviour); 12] = [
    ("both_list_each_other_alive_with_tags", |pair| pair.agree()),
    ("a_user_event_goes_both_ways", |pair| pair.both_ways(user_event_arrives)),
    ("a_coalesced_user_event_goes_both_ways", |pair| pair.both_ways(coalesced_event_arrives)),
    ("a_query_is_acked_and_answered_both_ways", |pair| pair.both_ways(query_is_answered)),
    ("a_query_goes_only_to_the_named_node_both_ways", |pair| pair.both_ways(query_by_node)),
    ("a_query_goes_only_to_matching_tags_both_ways", |pair| pair.both_ways(query_by_tag)),
    ("changed_tags_arrive_as_update_both_ways", |pair| pair.both_ways(tags_arrive)),
    ("we_leave_and_are_listed_as_left", |pair| leave_shows(&*pair.node, &*pair.agent)),
    ("it_leaves_and_is_listed_as_left", |pair| leave_shows(&*pair.agent, &*pair.node)),
    ("we_die_and_are_listed_as_failed", |pair| death_shows(&*pair.node, &*pair.agent)),
    ("it_dies_and_is_listed_as_failed", |pair| death_shows(&*pair.agent, &*pair.node)),
    ("who_joined_leaves_and_comes_back", |pair| pair.come_back()),
];

type Behaviour = fn(&Pair<'_>);

/// Within this time a death must be noticed, unless a member left before.
const NOTICED: Duration = Duration::from_secs(8);

/// Which of the two joins the other.
#[derive(Clone, Copy)]
pub(crate) enum Joiner {
    Node,
    Agent,
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for setting in SETTINGS {
        for (joins, joiner) in [("we_join", Joiner::Node), ("it_joins", Joiner::Agent)] {
            for (behaviour, check) in BEHAVIOURS {
                cases.push(case(format!("{}/{joins}/{behaviour}", setting.name), move |scene| {
                    check(&Pair::start(scene, setting, joiner));
                }));
            }
        }
    }
    cases
}

pub(crate) struct Pair<'a> {
    scene: &'a Scene,
    setting: Setting,
    joiner: Joiner,
    pub(crate) agent: Rc<Agent>,
    pub(crate) node: Rc<Node>,
}

impl<'a> Pair<'a> {
    /// Starts both and waits until they know each other.
    #[track_caller]
    pub(crate) fn start(scene: &'a Scene, setting: Setting, joiner: Joiner) -> Self {
        let (agent, node) = match joiner {
            Joiner::Node => {
                let agent = scene.agent(&setting, "agent", &[]);
                let node = join_with_node(scene, &setting);
                (agent, node)
            }
            Joiner::Agent => {
                let node = scene.node(&setting, "node", |builder| builder);
                let agent = join_with_agent(scene, &setting);
                (agent, node)
            }
        };
        let pair = Self { scene, setting, joiner, agent, node };
        pair.agree();
        pair
    }

    #[track_caller]
    pub(crate) fn agree(&self) {
        agree(&[&*self.agent, &*self.node]);
    }

    pub(crate) fn both_ways(&self, check: fn(&dyn Peer, &dyn Peer)) {
        check(&*self.agent, &*self.node);
        check(&*self.node, &*self.agent);
    }

    /// The peer that joined leaves, and joins again at the same address with the same name.
    pub(crate) fn come_back(&self) {
        let back: (Rc<Agent>, Rc<Node>) = match self.joiner {
            Joiner::Node => {
                self.node.leave();
                (self.agent.clone(), join_with_node(self.scene, &self.setting))
            }
            Joiner::Agent => {
                self.agent.leave();
                (join_with_agent(self.scene, &self.setting), self.node.clone())
            }
        };
        agree(&[&*back.0, &*back.1]);
        user_event_arrives(&*back.0, &*back.1);
        user_event_arrives(&*back.1, &*back.0);
    }
}

fn join_with_node(scene: &Scene, setting: &Setting) -> Rc<Node> {
    let seed = scene.ip("agent").to_string();
    scene.node(setting, "node", |builder| builder.join([seed]))
}

fn join_with_agent(scene: &Scene, setting: &Setting) -> Rc<Agent> {
    scene.agent(setting, "agent", &[&format!("-join={}", scene.ip("node"))])
}

/// A user event reaches the other's handler with its name, payload and Lamport time. The payload is
/// repetitive, so that a peer that compresses packets compresses this one.
pub(crate) fn user_event_arrives(from: &dyn Peer, to: &dyn Peer) {
    let payload = format!("from {} {}", from.name(), "v2 ".repeat(60));
    event_arrives(from, to, payload.trim_end(), Coalesce::No);
}

/// As a plain `serf event` sends it. An agent holds it back for a while, in case there is another.
fn coalesced_event_arrives(from: &dyn Peer, to: &dyn Peer) {
    event_arrives(from, to, &format!("one of many from {}", from.name()), Coalesce::Yes);
}

fn event_arrives(from: &dyn Peer, to: &dyn Peer, payload: &str, coalesce: Coalesce) {
    from.send("deploy", payload, coalesce);
    let heard = to.hears_event("deploy", payload, SOON);
    let own = from.hears_event("deploy", payload, SOON);
    assert_eq!(heard.ltime, own.ltime, "the Lamport time of {heard:?}");
    assert!(heard.ltime > 0);
}

/// A query reaches the handlers of both peers, which ack and reply.
pub(crate) fn query_is_answered(from: &dyn Peer, to: &dyn Peer) {
    let payload = format!("{} asks", from.name());
    let answers = from.ask(&Question::status(&payload));
    assert_eq!(answers, Answers::of(&[from, to], &payload));
    let (heard, own) = (to.hears_query("status", &payload), from.hears_query("status", &payload));
    assert_eq!(heard.ltime, own.ltime, "the Lamport time of {heard:?}");

    let question = Question { name: "silence", payload: "", ..Question::default() };
    let answers = from.ask(&question);
    assert_eq!(answers, Answers { replies: Vec::new(), ..Answers::of(&[from, to], "") });
}

/// A query for one node is acked, answered and heard by that node only.
fn query_by_node(from: &dyn Peer, to: &dyn Peer) {
    for (asked, spared) in [(from, to), (to, from)] {
        let (name, payload) = (asked.name(), format!("{} asks {}", from.name(), asked.name()));
        let answers = from.ask(&Question { node: Some(&name), ..Question::status(&payload) });
        assert_eq!(answers, Answers::of(&[asked], &payload));
        let asked = asked.hears_query("status", &payload);
        assert!(!spared.heard().contains(&Heard::Query(asked)));
    }
}

/// The expression need not match the whole tag. A missing tag counts as empty.
fn query_by_tag(from: &dyn Peer, to: &dyn Peer) {
    let role = &to.entry().tags["role"];
    let expr = format!("^{}", &role[..3]);
    let answers = from.ask(&Question { tag: Some(("role", &expr)), ..Question::status("one") });
    assert_eq!(answers, Answers::of(&[to], "one"));
    let answers = from.ask(&Question { tag: Some(("zone", "^$")), ..Question::status("all") });
    assert_eq!(answers, Answers::of(&[from, to], "all"));
}

pub(crate) fn tags_arrive(from: &dyn Peer, to: &dyn Peer) {
    from.set_tag("version", "2");
    from.set_tag("role", "changed");
    to.lists(from, SOON);
    to.hears_change("member-update", &from.name());
    agree(&[from, to]);
}

fn leave_shows(goes: &dyn Peer, stays: &dyn Peer) {
    goes.leave();
    stays.lists(goes, SOON);
    stays.hears_change("member-leave", &goes.name());
}

pub(crate) fn death_shows(dies: &dyn Peer, stays: &dyn Peer) {
    dies.kill();
    stays.lists(dies, NOTICED);
    stays.hears_change("member-failed", &dies.name());
}
