//! Clusters in which workers come and die all the time.

use std::time::Duration;

use serfer_sim::{Config, NodeId, Sim};

use crate::support::{mins, ms, secs};

const HOUR: Duration = mins(60);

/// Six nodes. Whoever brought the halves together is gone, so neither has a seed in the other.
fn six(seed: u64) -> (Sim, Vec<NodeId>) {
    let mut sim = Sim::new(seed);
    sim.network().latency(ms(1)..ms(5));
    sim.discard_events();
    let ids = sim.many(Config::lan, 6);
    for (id, seed) in [(1, 0), (2, 0), (4, 3), (5, 3)] {
        sim.join(ids[id], &[ids[seed]]);
    }
    let both = sim.node(Config::lan("both"));
    sim.join(both, &[ids[0], ids[3]]);
    sim.run_until_converged(mins(5)).expect("they find each other");
    sim.leave(both);
    sim.run_for(mins(1));
    sim.crash(both);
    (sim, ids)
}

/// One worker after another joins one of these, and dies after two minutes.
fn workers(sim: &mut Sim, through: &[NodeId], count: usize, apart: Duration) {
    for n in 0..count {
        for &id in through {
            let worker = sim.node(Config::lan(format!(
                "w-{}-{n}-{}",
                sim.name(id),
                sim.elapsed().as_secs()
            )));
            sim.join(worker, &[id]);
            sim.run_for(mins(2));
            sim.crash(worker);
        }
        sim.run_for(apart.saturating_sub(mins(2) * through.len() as u32));
    }
}

fn dialled(sim: &Sim, ids: &[NodeId]) -> u64 {
    ids.iter().filter_map(|&id| Some(sim.endpoint(id)?.stats().streams_dialled)).sum()
}

fn assert_heals_within(sim: &mut Sim, ids: &[NodeId], time: Duration) {
    sim.heal();
    let is_one = |sim: &Sim| {
        ids.iter().all(|&id| sim.endpoint(id).is_some_and(|it| it.stats().members_alive == 6))
    };
    let took = sim.run_until(time, is_one);
    assert!(took.is_some(), "not one cluster after {time:?}");
}

/// A month in which a worker comes and dies every hour, and then a partition for longer than the failed are
/// remembered.
fn hours(seed: u64, hours: usize) {
    let (mut sim, ids) = six(seed);
    workers(&mut sim, &ids[..1], hours - 1, HOUR);
    let before = dialled(&sim, &ids);
    workers(&mut sim, &ids[..1], 1, HOUR);
    let in_the_last_hour = dialled(&sim, &ids) - before;
    eprintln!("{in_the_last_hour} dials in the last hour");
    // 720 of these are push/pulls.
    assert!(in_the_last_hour <= 2000, "{in_the_last_hour} dials in an hour");
    sim.partition(&ids[..3], &ids[3..]);
    sim.run_for(25 * HOUR);
    assert_heals_within(&mut sim, &ids, secs(60));
}

#[test]
fn after_days_of_workers_halves_find_each_other_again() {
    hours(1, 30);
}

#[test]
#[ignore = "it takes minutes; `./check --full` runs it"]
fn after_a_month_of_workers_halves_find_each_other_again() {
    hours(1, 30 * 24);
}

/// The same while workers come and die in both halves: more than are kept.
#[test]
fn workers_that_die_during_a_partition_do_not_push_out_the_other_half() {
    let (mut sim, ids) = six(2);
    sim.partition(&ids[..3], &ids[3..]);
    workers(&mut sim, &[ids[0], ids[3]], 140, mins(5));
    sim.run_for(13 * HOUR);
    assert_heals_within(&mut sim, &ids, secs(60));
}
