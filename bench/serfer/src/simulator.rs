//! How fast the simulator is: seconds of nodes in a second of the processor.

use std::time::Duration;

use bench_common::micro::worked;
use bench_common::{say, say_missing};
use serfer_sim::{Config, Sim};

pub fn simulator() {
    for (nodes, time) in [(100, 300), (1_000, 30)] {
        let parameters = format!("n={nodes}");
        let mut sim = Sim::new(1);
        sim.discard_events();
        sim.network().latency(Duration::from_millis(1)..Duration::from_millis(2));
        let ids = sim.many(Config::lan, nodes);
        ids[1..].iter().for_each(|&id| sim.join(id, &[ids[0]]));
        let begin = worked();
        if sim.run_until_converged(Duration::from_secs(600)).is_none() {
            say_missing("simulator", &parameters, "not all saw all within 600 s");
            continue;
        }
        let joined = (worked() - begin).as_secs_f64();
        let virtual_time = sim.elapsed().as_secs_f64();
        say("simulator", &parameters, "join-node-s/cpu-s", nodes as f64 * virtual_time / joined);
        sim.run_for(Duration::from_secs(30));
        let begin = worked();
        sim.run_for(Duration::from_secs(time));
        let took = (worked() - begin).as_secs_f64();
        say("simulator", &parameters, "node-s/cpu-s", (nodes as u64 * time) as f64 / took);
    }
}
