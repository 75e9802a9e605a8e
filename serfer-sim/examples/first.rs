//! Three nodes find each other, and then one crashes.
//!
//! Prints what they send to each other. Run it with `cargo run -p serfer-sim --example first`. It
//! prints the same every time.

use std::time::Duration;

use serfer_sim::{Config, Kind, Line, Sim};

#[expect(clippy::print_stdout, reason = "the example prints its trace")]
fn main() {
    let mut sim = Sim::new(1);
    sim.start_trace();
    sim.network().latency(Duration::from_millis(10));
    let [a, b, c] = sim.nodes(Config::local, ["anna", "ben", "cleo"]);

    sim.join(b, &[a]);
    sim.join(c, &[a]);
    sim.run_until_converged(Duration::from_secs(10)).expect("they find each other");

    sim.crash(c);
    sim.run_until_quiet(Duration::from_secs(60)).expect("the others notice");

    // Most lines are probes. Only those with cleo are of interest.
    let cleo = Some(c);
    let of_note = |line: &Line| line.kinds != [Kind::Probe] || line.node == cleo || line.to == cleo;
    println!("{}", sim.trace().show(of_note));
    for node in [a, b] {
        println!(
            "{} says that cleo is {}",
            sim.name(node),
            sim.status(node, "cleo").expect("known")
        );
    }
}
