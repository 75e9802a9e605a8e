//! What is believed of members: old lists, hearsay, news that overtake each other.

use std::time::Duration;

use serfer_proto::{MemberChange, QueryParams, Status};
use serfer_sim::{Event, NodeId, Sim};

use crate::support::{assert_status, lan, mins, ms, secs, with_seeds};

fn small_cluster(seed: u64, nodes: usize) -> (Sim, Vec<NodeId>) {
    let mut sim = Sim::new(seed);
    sim.network().latency(ms(10));
    let ids = sim.many(lan, nodes);
    for &id in &ids[1..] {
        sim.join(id, &[ids[0]]);
    }
    sim.run_until_quiet(mins(2));
    for &id in &ids {
        sim.take_events(id);
    }
    (sim, ids)
}

/// What a node told of a member.
fn told(sim: &Sim, node: NodeId, of: NodeId) -> Vec<MemberChange> {
    let name = sim.name(of);
    let changes = sim.events(node).iter().filter_map(|recorded| match &recorded.event {
        Event::Member(event) if event.members.iter().any(|it| it.name() == name) => {
            Some(event.change)
        }
        _ => None,
    });
    changes.collect()
}

/// A machine is suspended while a member goes, and brings an old list with it.
fn suspended_while_gone(seed: u64, go: impl Fn(&mut Sim, NodeId), away: Duration) -> Vec<String> {
    let (mut sim, ids) = small_cluster(seed, 5);
    let (late, gone) = (ids[0], ids[4]);
    sim.suspend(late);
    go(&mut sim, gone);
    sim.run_for(away);
    for &id in &ids[1..4] {
        sim.take_events(id);
    }
    sim.resume(late);
    sim.run_for(mins(5));
    let wrong = ids[1..4].iter().flat_map(|&id| told(&sim, id, gone));
    wrong
        .map(|change| change.to_string())
        .chain(
            told(&sim, late, gone)
                .into_iter()
                .filter(|it| *it == MemberChange::Join)
                .map(|it| it.to_string()),
        )
        .collect()
}

#[test]
fn an_old_list_does_not_bring_back_who_left() {
    with_seeds(|seed| {
        let leave = |sim: &mut Sim, id: NodeId| {
            sim.leave(id);
            sim.run_for(secs(20));
            sim.crash(id);
        };
        let wrong = suspended_while_gone(seed, leave, mins(1));
        assert!(wrong.is_empty(), "{wrong:?}");
    });
}

#[test]
fn an_old_list_does_not_bring_back_who_failed() {
    with_seeds(|seed| {
        let crash = |sim: &mut Sim, id: NodeId| {
            sim.crash(id);
            sim.run_for(secs(30));
        };
        let wrong = suspended_while_gone(seed, crash, mins(2));
        assert!(wrong.is_empty(), "{wrong:?}");
    });
}

/// The member that left is not only gone for those who were there: the one that was suspended learns that
/// it left, and does not find that it failed.
#[test]
fn who_was_suspended_learns_that_a_member_left() {
    with_seeds(|seed| {
        let (mut sim, ids) = small_cluster(seed, 5);
        sim.suspend(ids[0]);
        sim.leave(ids[4]);
        sim.run_for(secs(20));
        sim.crash(ids[4]);
        sim.run_for(mins(1));
        sim.resume(ids[0]);
        sim.run_for(mins(5));
        assert_eq!(told(&sim, ids[0], ids[4]), [MemberChange::Leave]);
    });
}

/// A query travels in the same gossip as the news of the node that asks. Gossip misses a node now and
/// then; whoever hears the query answers it.
#[test]
fn whoever_hears_the_query_of_a_newcomer_answers_it() {
    with_seeds(|seed| {
        let (mut sim, ids) = small_cluster(seed, 8);
        for &id in &ids {
            sim.app(id, |endpoint, now, event| {
                if let Event::Query(query) = event {
                    endpoint.respond(now, query, b"yes").expect("it is in time");
                }
            });
        }
        let asker = sim.node(lan("z".into()));
        sim.join(asker, &[ids[0]]);
        sim.run_for(ms(45));
        let params = QueryParams::new().timeout(secs(5));
        sim.at(asker, |it, now| it.query(now, "status", b"", &params)).expect("it is short");
        sim.run_for(secs(6));
        let heard = ids
            .iter()
            .filter(|&&id| sim.events(id).iter().any(|it| matches!(it.event, Event::Query(_))));
        let replies = sim.events(asker).iter().filter(|it| matches!(it.event, Event::Reply(_)));
        assert_eq!(replies.count(), heard.count());
    });
}

/// The half that was cut off is told that a member left, which is on the other side.
#[test]
fn nobody_is_leaving_for_ever() {
    with_seeds(|seed| {
        let (mut sim, ids) = small_cluster(seed, 4);
        let [a, b, c, d] = ids[..] else {
            unreachable!("there are four");
        };
        sim.partition(&[a, d], &[b, c]);
        sim.run_for(secs(90));
        sim.at(a, |it, now| it.force_leave(now, "n2", serfer_proto::Prune::No)).expect("a name");
        sim.run_for(secs(5));
        sim.heal();
        sim.run_for(mins(5));
        assert_status(&sim, &ids, &ids, Status::Alive);
    });
}
