//! serfer among real `serf` agents.
//!
//! Every agent and every node of ours has an address of 127.0.0.0/8 to itself, with the default
//! ports, so tests run side by side. A behaviour is written once, for two
//! [`Peer`](harness::peer::Peer)s, and played with the agent on either side. Each test ends with
//! the checks of [`Scene`](harness::scene::Scene): no peer has dropped or complained about anything
//! that the test did not provoke.
//!
//! The agent is the `serf` on the `PATH`, or the one that `SERF_BIN` names. Without one all tests
//! are ignored. Tests on a [`network`](harness::network) of their own are also ignored where none
//! can be made, which takes root, `ip` and `nft`. With `CI=true` an ignored test is a failure.

mod addresses;
mod coordinates;
mod events;
#[path = "../../serfer-go-regex/tests/data/go_regex.rs"]
mod go_regex;
mod harness;
mod keys;
mod membership;
#[path = "../obstacles.rs"]
mod obstacles;
mod other_agents;
mod pair;
mod queries;

use std::process::ExitCode;

use libtest_mimic::Arguments;

use crate::harness::scene::Scene;
use crate::obstacles::Case;

const NO_SERF: &str =
    "no `serf` on the PATH, and SERF_BIN names none (Debian has it in the package serf)";

/// Tests mostly wait, so many of them run at a time, even on few processors.
const TESTS_AT_ONCE: usize = 20;

pub(crate) fn case(name: impl Into<String>, test: impl FnOnce(&Scene) + Send + 'static) -> Case {
    let name = name.into();
    let title = name.clone();
    let obstacle = harness::agent::SERF.is_none().then_some(NO_SERF);
    Case { name, play: Box::new(move || Scene::play(&title, test)), obstacle }
}

/// A test on a [`network`](harness::network) of its own.
pub(crate) fn network_case(
    name: impl Into<String>,
    test: impl FnOnce(&Scene) + Send + 'static,
) -> Case {
    let case = case(name, test);
    let obstacle = case.obstacle.or_else(|| harness::network::OBSTACLE.as_deref());
    Case { obstacle, ..case }
}

fn main() -> ExitCode {
    if let Some(ended) = harness::program::play() {
        return ended;
    }
    let mut args = Arguments::from_args();
    args.test_threads.get_or_insert(TESTS_AT_ONCE);
    // The longest tests start first.
    let cases = [
        membership::moved::cases(),
        membership::partition::cases(),
        membership::clusters::cases(),
        addresses::cases(),
        keys::changes::cases(),
        membership::mixed::cases(),
        membership::death::cases(),
        keys::primary::cases(),
        membership::snapshot::cases(),
        membership::large_state::cases(),
        other_agents::cases(),
        membership::refused::cases(),
        membership::reachability::cases(),
        events::replay::cases(),
        coordinates::cases(),
        events::many::cases(),
        queries::filter::cases(),
        pair::cases(),
        queries::asked_again::cases(),
        queries::internal::cases(),
    ];
    obstacles::run(&args, cases.into_iter().flatten().collect())
}
