//! serfer among real `serf` agents.
//!
//! Every agent and every node of ours has an address of 127.0.0.0/8 to itself, with the default
//! ports, so tests run side by side. A behaviour is written once, for two [`Peer`](peer::Peer)s, and
//! played with the agent on either side. However a test goes about it, it ends with what
//! [`Scene`](scene::Scene) checks: nobody has dropped or complained about anything that the test did
//! not provoke.
//!
//! The agent is the `serf` on the `PATH` or the one that `SERF_BIN` names. Without one all tests are
//! ignored, and those on a [`network`] of their own also where none can be made, which takes root, `ip`
//! and `nft`. With `CI=true` that is a failure.

mod agent;
mod asking;
mod by_hand;
mod cluster;
mod coordinates;
mod death;
mod events;
mod filter;
#[path = "../../serfer-proto/tests/data/go_regex.rs"]
mod go_regex;
mod keys;
mod large;
mod mixed;
mod network;
mod node;
mod pair;
mod partition;
mod peer;
mod primary;
mod reach;
mod refused;
mod replay;
mod rpc;
mod scene;
mod setting;
mod snapshot;
mod wait;

use std::collections::BTreeMap;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use crate::scene::Scene;

const NO_SERF: &str =
    "no `serf` on the PATH, and SERF_BIN names none (Debian has it in the package serf)";

/// Tests mostly wait, so there may be more of them at a time than there are processors.
const TESTS_AT_ONCE: usize = 12;

/// A test and its name.
pub(crate) struct Case {
    name: String,
    test: Box<dyn FnOnce(&Scene) + Send>,
    /// Why it cannot be played here, if so.
    obstacle: Option<&'static str>,
}

pub(crate) fn case(name: impl Into<String>, test: impl FnOnce(&Scene) + Send + 'static) -> Case {
    let obstacle = agent::SERF.is_none().then_some(NO_SERF);
    Case { name: name.into(), test: Box::new(test), obstacle }
}

/// A test on a [`network`] of its own.
pub(crate) fn network_case(
    name: impl Into<String>,
    test: impl FnOnce(&Scene) + Send + 'static,
) -> Case {
    let case = case(name, test);
    let obstacle = case.obstacle.or_else(|| network::OBSTACLE.as_deref());
    Case { obstacle, ..case }
}

fn main() -> ExitCode {
    let mut args = Arguments::from_args();
    args.test_threads.get_or_insert(TESTS_AT_ONCE);
    // The longest come first.
    let cases = [
        partition::cases(),
        cluster::cases(),
        keys::cases(),
        mixed::cases(),
        death::cases(),
        primary::cases(),
        snapshot::cases(),
        large::cases(),
        refused::cases(),
        reach::cases(),
        replay::cases(),
        coordinates::cases(),
        events::cases(),
        filter::cases(),
        pair::cases(),
        asking::cases(),
    ];
    let cases: Vec<Case> = cases.into_iter().flatten().collect();
    if !args.list && !all_can_be_played(&cases) {
        return ExitCode::FAILURE;
    }
    let trials = cases.into_iter().map(|Case { name, test, obstacle }| {
        let title = name.clone();
        let play = move || {
            Scene::play(&title, test);
            Ok(())
        };
        Trial::test(name, play).with_ignored_flag(obstacle.is_some())
    });
    libtest_mimic::run(&args, trials.collect()).exit_code()
}

/// Says what has to be ignored and why, and whether that is in order.
fn all_can_be_played(cases: &[Case]) -> bool {
    let mut ignored = BTreeMap::<&str, usize>::new();
    for obstacle in cases.iter().filter_map(|case| case.obstacle) {
        *ignored.entry(obstacle).or_default() += 1;
    }
    for (obstacle, count) in &ignored {
        eprintln!("{count} interop tests are ignored: {obstacle}");
    }
    ignored.is_empty() || std::env::var("CI").as_deref() != Ok("true")
}
