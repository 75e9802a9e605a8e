//! How soon a member that dies is noticed by all others: the table in the guide of `serfer-async`.

use std::time::Duration;

use serfer_proto::Status;
use serfer_sim::{Config, NodeId, Sim};

use crate::support::{assert_none_failed, cluster, lan, mins, ms};

/// How many members are killed.
const KILLS: usize = 20;

/// How often it is looked who knows it.
const LOOK: Duration = ms(100);

const NEVER: Duration = mins(10);

/// How long it takes after each of some kills until all others hold the member for failed, sorted.
fn noticed_after(config: fn(String) -> Config, members: usize) -> Vec<Duration> {
    let mut times = Vec::new();
    for seed in 1.. {
        let (mut sim, ids) = cluster(seed, config, members);
        // A tenth of the cluster, one after another.
        for &victim in ids.iter().rev().take(members.div_ceil(10)) {
            times.push(kill(&mut sim, victim));
        }
        if times.len() >= KILLS {
            break;
        }
    }
    times.sort();
    times
}

/// Kills a member, and waits until all others know it.
fn kill(sim: &mut Sim, victim: NodeId) -> Duration {
    let name = sim.name(victim).to_owned();
    // Probes of the others are not all at one time, but kills would always be at the same.
    sim.run_for(ms(313));
    sim.crash(victim);
    let mut took = Duration::ZERO;
    while !sim.running().all(|id| sim.status(id, &name) == Some(Status::Failed)) {
        assert!(took < NEVER, "somebody never notices");
        sim.run_for(LOOK);
        took += LOOK;
    }
    took
}

/// Fails unless half of the kills are noticed within one time, and all within another.
fn assert_noticed(config: fn(String) -> Config, rows: &[(usize, f64, f64)]) {
    for &(members, half, all) in rows {
        let times = noticed_after(config, members);
        let (middle, last) = (times[times.len() / 2], times[times.len() - 1]);
        eprintln!("{members} members: half within {middle:?}, all within {last:?}");
        assert!(middle.as_secs_f64() <= half && last.as_secs_f64() <= all, "{members}: {times:?}");
    }
}

#[test]
fn with_the_preset_for_a_lan_a_death_is_noticed_by_all_within_six_to_twelve_seconds() {
    assert_noticed(lan, &[(3, 6.0, 8.0), (10, 7.0, 10.0), (100, 11.0, 15.0)]);
}

#[test]
fn with_the_preset_for_a_wan_a_death_is_noticed_by_all_within_a_minute_or_so() {
    assert_noticed(Config::wan, &[(3, 40.0, 50.0), (10, 42.0, 60.0)]);
}

#[test]
fn with_the_preset_for_one_machine_a_death_is_noticed_by_all_within_some_seconds() {
    // Among 100, this preset sends news so seldom that one of them may miss it until a push/pull.
    // Among 10, one of a hundred kills takes longer than 8 s, with Go's timing, too.
    assert_noticed(Config::local, &[(3, 5.0, 6.0), (10, 5.0, 9.0)]);
}

#[test]
fn whoever_wants_to_know_within_three_seconds_does() {
    fn soon<const MEMBERS: usize>(name: String) -> Config {
        Config::lan(name).detect_within(Duration::from_secs(3), MEMBERS)
    }
    assert_noticed(soon::<3>, &[(3, 3.0, 3.0)]);
    assert_noticed(soon::<10>, &[(10, 3.0, 3.0)]);
    assert_noticed(soon::<100>, &[(100, 3.0, 3.0)]);
}

#[test]
fn to_know_within_three_seconds_makes_no_false_alarm_in_a_good_network() {
    let soon = |name| Config::lan(name).detect_within(Duration::from_secs(3), 30);
    let (mut sim, ids) = cluster(1, soon, 30);
    sim.network().latency(ms(1)..ms(20));
    sim.run_for(mins(10));
    assert_none_failed(&sim, &ids);
}
