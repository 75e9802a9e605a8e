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
#[path = "../../serfer-go-regex/tests/data/go_regex.rs"]
mod go_regex;
mod keys;
mod large;
mod mixed;
mod network;
mod node;
#[path = "../obstacles.rs"]
mod obstacles;
mod otherwise;
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

use std::process::ExitCode;

use libtest_mimic::Arguments;

use crate::obstacles::Case;
use crate::scene::Scene;

const NO_SERF: &str =
    "no `serf` on the PATH, and SERF_BIN names none (Debian has it in the package serf)";

/// Tests mostly wait, so there may be more of them at a time than there are processors.
const TESTS_AT_ONCE: usize = 12;

pub(crate) fn case(name: impl Into<String>, test: impl FnOnce(&Scene) + Send + 'static) -> Case {
    let name = name.into();
    let title = name.clone();
    let obstacle = agent::SERF.is_none().then_some(NO_SERF);
    Case { name, play: Box::new(move || Scene::play(&title, test)), obstacle }
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
        otherwise::cases(),
        refused::cases(),
        reach::cases(),
        replay::cases(),
        coordinates::cases(),
        events::cases(),
        filter::cases(),
        pair::cases(),
        asking::cases(),
    ];
    obstacles::run(&args, cases.into_iter().flatten().collect())
}
