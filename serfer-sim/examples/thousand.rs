//! A thousand nodes, and how fast they are simulated.
//!
//! They join one after another, the news of that settles, a minute passes, one dies, and all agree
//! that it did. Run it with
//! `cargo run --release -p serfer-sim --example thousand`; an argument changes the number of nodes.

use std::time::{Duration, Instant};

use serfer_sim::{Config, Sim};

#[expect(clippy::disallowed_methods, reason = "it measures how long the simulation takes")]
#[expect(clippy::print_stdout, reason = "it is what the example is for")]
fn main() {
    let count = std::env::args().nth(1).map_or(1000, |it| it.parse().expect("a number of nodes"));
    let mut sim = Sim::new(1);
    sim.discard_events();
    sim.network().latency(Duration::from_millis(1)..Duration::from_millis(5));
    let nodes = sim.many(Config::lan, count);
    let measured = |what: &str, sim: &mut Sim, run: &dyn Fn(&mut Sim)| {
        let (began, start) = (Instant::now(), sim.elapsed());
        run(sim);
        let (simulated, took) = (sim.elapsed() - start, began.elapsed());
        println!(
            "{what:<14} {:>8.3} s simulated in {:>7.3} s",
            simulated.as_secs_f64(),
            took.as_secs_f64()
        );
    };

    measured("joining", &mut sim, &|sim| {
        for (n, &node) in nodes.iter().enumerate().skip(1) {
            sim.join(node, &[nodes[n / 2]]);
            sim.run_for(Duration::from_millis(10));
        }
        sim.run_until_converged(Duration::from_secs(300)).expect("they find each other");
    });
    measured("settling", &mut sim, &|sim| sim.run_for(Duration::from_secs(30)));
    measured("a minute", &mut sim, &|sim| sim.run_for(Duration::from_secs(60)));
    measured("one dies", &mut sim, &|sim| {
        sim.crash(nodes[count / 2]);
        let failed = |sim: &Sim| {
            let name = sim.name(nodes[count / 2]);
            sim.running().all(|it| sim.status(it, name) == Some(serfer_proto::Status::Failed))
        };
        sim.run_until(Duration::from_secs(300), failed).expect("all notice");
    });
}
