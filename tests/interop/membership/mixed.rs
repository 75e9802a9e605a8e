//! A cluster of every kind: an agent, a node on each runtime, and a node that is driven by hand.

use std::rc::Rc;

use serfer_tokio::Coalesce;

use crate::harness::by_hand::ByHand;
use crate::harness::peer::{Answers, Identity, Peer, Question, settle};
use crate::harness::scene::Scene;
use crate::harness::setting::{AES_256, PLAIN, Setting};
use crate::harness::wait::SOON;
use crate::{Case, case};

pub(crate) fn cases() -> Vec<Case> {
    let settings = [PLAIN, AES_256].map(Setting::for_many).into_iter();
    let name =
        |setting: &Setting| format!("mixed/all_kinds_of_nodes_are_one_cluster/{}", setting.name);
    let cases = settings.map(|setting| case(name(&setting), move |scene| are_one(scene, &setting)));
    cases.collect()
}

fn are_one(scene: &Scene, setting: &Setting) {
    let agent = scene.agent(setting, "agent", &[]);
    let seed = scene.ip("agent").to_string();
    let on_tokio = scene.node(setting, "tokio", |builder| builder.join([seed.clone()]));
    let on_smol = scene.smol_node(setting, "smol", &scene.ip("tokio").to_string());
    let identity = Identity::new("hand", scene.ip("hand"), &[("role", "hand")]);
    let by_hand = Rc::new(ByHand::start(identity, setting, &seed));
    let all: [Rc<dyn Peer>; 4] = [agent, on_tokio, on_smol, by_hand];
    let all = all.each_ref().map(|peer| &**peer);
    settle(&all);

    for asking in all {
        let payload = format!("{} asks", asking.name());
        let answers = asking.ask(&Question::status(&payload));
        assert_eq!(answers, Answers::of(&all, &payload), "{} asks", asking.name());
    }
    let [agent, on_tokio, on_smol, by_hand] = all;
    by_hand.send("deploy", "by hand", Coalesce::No);
    for hearing in [agent, on_tokio, on_smol] {
        hearing.hears_event("deploy", "by hand", SOON);
    }
    by_hand.set_tag("role", "changed");
    settle(&all);
    by_hand.leave();
    on_smol.leave();
    for staying in [agent, on_tokio] {
        staying.lists_only(&all, SOON);
    }
}
