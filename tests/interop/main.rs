//! serfer among real `serf` agents.
//!
//! Every agent and every node of ours has an address of 127.0.0.0/8 to itself, with the default
//! ports, so tests run side by side. A behaviour is written once, for two [`Peer`](peer::Peer)s, and
//! played with the agent on either side. However a test goes about it, it ends with what
//! [`Scene`](scene::Scene) checks: nobody has dropped or complained about anything that the test did
//! not provoke.
//!
//! The agent is the `serf` on the `PATH` or the one that `SERF_BIN` names. Without one all tests are
//! ignored, unless `CI=true`: then that is a failure.

mod agent;
mod cluster;
mod death;
mod large;
mod node;
mod pair;
mod peer;
mod primary;
mod reach;
mod refused;
mod replay;
mod scene;
mod setting;
mod wait;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use crate::scene::Scene;

/// Tests mostly wait, so there may be more of them at a time than there are processors.
const TESTS_AT_ONCE: usize = 12;

/// A test and its name.
pub(crate) struct Case {
    name: String,
    test: Box<dyn FnOnce(&Scene) + Send>,
}

pub(crate) fn case(name: impl Into<String>, test: impl FnOnce(&Scene) + Send + 'static) -> Case {
    Case { name: name.into(), test: Box::new(test) }
}

fn main() -> ExitCode {
    let mut args = Arguments::from_args();
    args.test_threads.get_or_insert(TESTS_AT_ONCE);
    // The longest come first.
    let cases = [
        cluster::cases(),
        death::cases(),
        primary::cases(),
        large::cases(),
        refused::cases(),
        reach::cases(),
        replay::cases(),
        pair::cases(),
    ];
    let cases: Vec<Case> = cases.into_iter().flatten().collect();
    let is_missing = agent::SERF.is_none();
    if is_missing && !args.list {
        eprintln!(
            "{} interop tests are ignored: no `serf` on the PATH, and SERF_BIN names none (Debian \
             has it in the package serf)",
            cases.len()
        );
        if std::env::var("CI").is_ok_and(|ci| ci == "true") {
            return ExitCode::FAILURE;
        }
    }
    let trials = cases.into_iter().map(|Case { name, test }| {
        let title = name.clone();
        let play = move || {
            Scene::play(&title, test);
            Ok(())
        };
        Trial::test(name, play).with_ignored_flag(is_missing)
    });
    libtest_mimic::run(&args, trials.collect()).exit_code()
}
