//! What a check says when it fails, as lines and not as a panic with a backtrace.

use std::fmt;

/// A failure, to be read by somebody.
#[derive(PartialEq)]
pub(crate) struct Failure(pub String);

/// What a check returns.
pub(crate) type Checked = Result<(), Failure>;

/// Tests show the `Debug` of an error.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Fails with what is wrong, a line each, and what to do about it; passes if nothing is.
pub(crate) fn failing(advice: &str, wrong: impl IntoIterator<Item = String>) -> Checked {
    let wrong: Vec<_> = wrong.into_iter().collect();
    if wrong.is_empty() { Ok(()) } else { Err(Failure(format!("{}\n{advice}", wrong.join("\n")))) }
}
