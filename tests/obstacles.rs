//! Tests that cannot run everywhere, for targets without a harness.
//!
//! Tests that cannot run here are ignored, and the reason is printed. With `CI=true` that is a
//! failure.

use std::collections::BTreeMap;
use std::env;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) play: Box<dyn FnOnce() + Send>,
    /// Why it cannot run here, if so.
    pub(crate) obstacle: Option<&'static str>,
}

/// Runs, filters or lists the tests, as the arguments say.
pub(crate) fn run(args: &Arguments, cases: Vec<Case>) -> ExitCode {
    if !args.list && !all_can_be_played(&cases) {
        return ExitCode::FAILURE;
    }
    let trials = cases.into_iter().map(|Case { name, play, obstacle }| {
        // Ignored tests can be run on request.
        let play = move || match obstacle {
            Some(obstacle) => Err(obstacle.into()),
            None => {
                play();
                Ok(())
            }
        };
        Trial::test(name, play).with_ignored_flag(obstacle.is_some())
    });
    libtest_mimic::run(args, trials.collect()).exit_code()
}

/// Prints how many tests are ignored and why. Returns whether that is allowed.
fn all_can_be_played(cases: &[Case]) -> bool {
    let mut ignored = BTreeMap::<&str, usize>::new();
    for obstacle in cases.iter().filter_map(|case| case.obstacle) {
        *ignored.entry(obstacle).or_default() += 1;
    }
    for (obstacle, count) in &ignored {
        eprintln!("{count} tests are ignored: {obstacle}");
    }
    ignored.is_empty() || env::var("CI").as_deref() != Ok("true")
}
