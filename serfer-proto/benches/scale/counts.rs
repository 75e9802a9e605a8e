//! Instructions per operation: the runs under valgrind, and what they say.

use std::path::Path;

use crate::crowd::Crowd;
use crate::meter::{Counting, Meter, end_of_count, now};
use crate::push_pull;
use crate::rows::{ROUND, ROWS};

const ROUNDS: usize = 4;

/// What a run under valgrind counts.
#[derive(Clone, Copy)]
pub(crate) enum What {
    /// Each of [`ROWS`].
    Rows,
    /// Each of [`push_pull::COUNTED`].
    PushPulls,
}

impl What {
    fn argument(self) -> &'static str {
        match self {
            Self::Rows => "--count",
            Self::PushPulls => "--count-push-pulls",
        }
    }
}

/// Starts a run among so many members, if valgrind is there.
pub(crate) fn start(what: What, members: usize) -> Option<Counting> {
    let argument = what.argument();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("scale{argument}-{members}"));
    Counting::start(&[argument, &members.to_string()], folder)
}

/// Waits for a run. Tells instructions per operation, row by row.
pub(crate) fn finish(what: What, counting: Counting) -> Vec<f64> {
    let (rows, operations) = match what {
        What::Rows => (ROWS.len(), ROUNDS * ROUND),
        What::PushPulls => (push_pull::COUNTED.len(), 1),
    };
    let counts = counting.finish(2 * rows);
    // Every other count is of getting used to it.
    counts.iter().skip(1).step_by(2).map(|&count| count as f64 / operations as f64).collect()
}

/// What runs under valgrind, if these are the arguments of such a run.
pub(crate) fn run(argument: &str, members: &str) -> Option<()> {
    let members = members.parse().ok()?;
    match argument {
        "--count" => count_rows(members),
        "--count-push-pulls" => push_pull::count(members),
        _ => return None,
    }
    Some(())
}

/// The first round of each row, in which memory is taken for it, counts for itself.
fn count_rows(members: usize) {
    let mut crowd = Crowd::new(members, now());
    for row in ROWS {
        for rounds in [1, ROUNDS] {
            (0..rounds).for_each(|_| (row.round)(&mut crowd, &mut Meter::default()));
            end_of_count();
        }
    }
}
