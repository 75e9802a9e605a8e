//! Replay: whether a node that joins is told of older user events.

use std::rc::Rc;

use serfer_tokio::{Coalesce, Replay};

use crate::harness::peer::{Heard, Peer, agree, settle};
use crate::harness::scene::Scene;
use crate::harness::setting::PLAIN;
use crate::harness::wait::{SOON, until};
use crate::{Case, case};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("replay/we_ask_for_old_events_and_hear_them", |scene| we_join(scene, Replay::Deliver)),
        case("replay/we_hear_only_new_events", |scene| we_join(scene, Replay::Skip)),
        case("replay/it_asks_for_old_events_and_hears_them", |scene| {
            it_joins(scene, Replay::Deliver);
        }),
        case("replay/it_hears_only_new_events", |scene| it_joins(scene, Replay::Skip)),
    ]
}

fn we_join(scene: &Scene, replay: Replay) {
    let [node, agent] = with_history(scene, "node", "agent");
    let seed = agent.ip();
    let joiner = scene.node(&PLAIN, "joiner", |builder| builder.replay(replay).join([seed]));
    hears(&*joiner, &*agent, replay);
    agree(&[&*node, &*agent, &*joiner]);
}

fn it_joins(scene: &Scene, replay: Replay) {
    let [agent, node] = with_history(scene, "agent", "node");
    let join = format!("-join={}", node.ip());
    let mut flags = vec![&*join];
    flags.extend((replay == Replay::Deliver).then_some("-replay"));
    let joiner = scene.agent(&PLAIN, "joiner", &flags);
    hears(&*joiner, &*node, replay);
    agree(&[&*node, &*agent, &*joiner]);
}

/// Two members, each of which sent an event so long ago that it is no longer gossiped.
fn with_history(scene: &Scene, first: &str, second: &str) -> [Rc<dyn Peer>; 2] {
    let peers = [first, second].map(|name| scene.peer(&PLAIN, name, first));
    let all = [&*peers[0], &*peers[1]];
    agree(&all);
    for peer in all {
        peer.send("deploy", &old(peer), Coalesce::No);
        all.iter().for_each(|other| drop(other.hears_event("deploy", &old(peer), SOON)));
    }
    settle(&all);
    peers
}

fn old(peer: &dyn Peer) -> String {
    format!("old, by {}", peer.name())
}

/// New events are heard in any case, after all old ones or none of them.
fn hears(joiner: &dyn Peer, member: &dyn Peer, replay: Replay) {
    let old = || {
        let heard = joiner.heard();
        let is_old = |heard: &Heard| match heard {
            Heard::Event(message) => message.payload.starts_with("old"),
            Heard::Member { .. } | Heard::Query(_) => false,
        };
        heard.into_iter().filter(is_old).collect::<Vec<_>>()
    };
    if replay == Replay::Deliver {
        until(format_args!("{} hears both old events", joiner.name()), SOON, || {
            if old().len() == 2 { Ok(()) } else { Err(format!("{:?}", joiner.heard())) }
        });
        let is_member_s = |heard: &Heard| old().contains(heard);
        let history = member.heard().into_iter().filter(is_member_s).count();
        assert_eq!(history, 2, "with the Lamport times they have elsewhere");
    }
    member.send("deploy", "new", Coalesce::No);
    joiner.hears_event("deploy", "new", SOON);
    assert_eq!(old().len(), if replay == Replay::Deliver { 2 } else { 0 });
}
