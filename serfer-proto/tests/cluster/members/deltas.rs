//! Deltas: how the list of members differs from the last time it was read.

use serfer_proto::{Member, MemberDelta, Members, Prune, Status, Tags};

use crate::harness::cluster::Cluster;
use crate::harness::craft::{alive, dead, leave_intent};
use crate::harness::solo::Solo;
use crate::harness::support::{lan, name, secs};

/// The list of members of a reader of deltas, by name.
type Mirror = std::collections::BTreeMap<String, Member>;

fn apply(mirror: &mut Mirror, deltas: Vec<MemberDelta>) {
    for delta in deltas {
        match delta {
            MemberDelta::Changed(member) => mirror.insert(member.name().to_owned(), member),
            MemberDelta::Removed(member) => mirror.remove(member.name()),
        };
    }
}

fn mirror<'a>(members: impl Iterator<Item = &'a Member>) -> Mirror {
    members.map(|member| (member.name().to_owned(), member.clone())).collect()
}

/// The deltas as words.
fn words(deltas: &[MemberDelta]) -> Vec<String> {
    let word = |delta: &MemberDelta| match delta {
        MemberDelta::Changed(member) => format!("{} {}", member.name(), member.status()),
        MemberDelta::Removed(member) => format!("{} removed", member.name()),
    };
    deltas.iter().map(word).collect()
}

fn watched(others: usize) -> Solo {
    let members = Members { tombstone_timeout: secs(60), ..Members::default() };
    let mut solo = Solo::among(lan(0).members(members), others);
    solo.node.watch_members();
    solo
}

#[test]
fn every_change_is_told_even_if_there_is_no_event_for_it() {
    let mut solo = watched(1);
    let told = |solo: &mut Solo| words(&solo.node.take_deltas());
    let (one, two) = (name(1), name(2));

    solo.hear(2, &alive(2, 1));
    assert_eq!(told(&mut solo), [format!("{two} alive")]);
    solo.hear(1, &leave_intent(1, 5));
    assert_eq!(told(&mut solo), [format!("{one} leaving")]);
    solo.hear(1, &dead(1, 1, 1));
    assert_eq!(told(&mut solo), [format!("{one} left")]);
    solo.hear(2, &dead(2, 1, 1));
    assert_eq!(told(&mut solo), [format!("{two} failed")]);
    solo.pass(secs(120));
    assert_eq!(told(&mut solo), [format!("{one} removed")]);
    let tags = Tags::from_iter([("role", "web")]);
    solo.act(|node, now| node.set_tags(now, tags)).unwrap();
    assert_eq!(told(&mut solo), [format!("{} alive", name(0))]);
    assert!(told(&mut solo).is_empty());
}

#[test]
fn only_what_is_different_in_the_end_is_told() {
    let mut solo = watched(2);
    // Node 1 goes and comes back as it was. Node 3 comes and is forgotten. Another changes twice.
    solo.hear(1, &dead(1, 2, 1));
    solo.hear(1, &alive(1, 2));
    solo.hear(3, &alive(3, 1));
    solo.hear(3, &dead(3, 2, 1));
    solo.act(|node, now| node.force_leave(now, &name(3), Prune::Yes)).unwrap();
    assert!(solo.node.member(&name(3)).is_none());
    solo.hear(2, &leave_intent(2, 5));
    solo.hear(2, &dead(2, 2, 1));
    assert_eq!(words(&solo.node.take_deltas()), [format!("{} left", name(2))]);
}

#[test]
fn no_delta_is_recorded_without_a_reader() {
    let mut solo = Solo::among(lan(0), 1);
    assert!(solo.node.take_deltas().is_empty());
    solo.node.watch_members();
    solo.hear(2, &alive(2, 1));
    solo.node.unwatch_members();
    solo.hear(3, &alive(3, 1));
    assert!(solo.node.take_deltas().is_empty());
    solo.node.watch_members();
    assert!(solo.node.take_deltas().is_empty());
}

#[test]
fn deltas_make_a_copy_of_the_list_whenever_they_are_taken() {
    for seed in 0..5 {
        let mut cluster = Cluster::joined(seed, 6, lan);
        cluster.act(0, |node, _| node.watch_members());
        let mut copy = mirror(cluster.node(0).members());
        for step in 0..120 {
            match step {
                5 => cluster.kill(3),
                10 => cluster.act(4, |node, now| node.leave(now)).unwrap(),
                50 => cluster.start(3),
                51 => cluster.join(3, &[1]),
                70..90 => {
                    let tags = Tags::from_iter([("step", step.to_string())]);
                    cluster.act(5, |node, now| node.set_tags(now, tags)).unwrap();
                }
                100 => {
                    let left = name(4);
                    let pruned =
                        cluster.act(1, |node, now| node.force_leave(now, &left, Prune::Yes));
                    pruned.unwrap();
                }
                _ => {}
            }
            cluster.run(secs(1));
            apply(&mut copy, cluster.act(0, |node, _| node.take_deltas()));
            assert_eq!(copy, mirror(cluster.node(0).members()), "seed {seed}, step {step}");
        }
        assert_eq!(copy.len(), 5, "one was pruned");
        assert!(copy.values().all(|member| member.status() == Status::Alive));
    }
}
