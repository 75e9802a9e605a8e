//! Whether a file is a snapshot, although some of its lines are wrong.
//!
//! A disk that lost power, or is worn out, leaves zeros or any other bytes where lines were. What is right
//! in such a file is used. But a file of another kind, named by mistake, must not be overwritten.

use super::record::{LineFault, Record};

/// What the lines of a file say about what it is.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// How many lines are records.
    right: usize,
    /// How many lines are text, and no records.
    foreign: usize,
    /// Whether there is something that is neither text nor what is left of a record among zeros.
    strange: bool,
}

impl Evidence {
    pub(super) fn note_right(&mut self) {
        self.right += 1;
    }

    pub(super) fn note_wrong(&mut self, line: &[u8], fault: LineFault) {
        match fault {
            LineFault::Zeros => {
                let left =
                    line.iter().position(|&byte| byte != 0).map_or(&[][..], |at| &line[at..]);
                let len = left.iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1);
                self.strange |= !Record::could_be(&left[..len]);
            }
            LineFault::NotText => self.strange = true,
            _ => self.foreign += 1,
        }
    }

    /// Another file of text has hardly a line that is right by chance; another file of bytes has none.
    pub(super) fn is_of_snapshot(&self) -> bool {
        self.foreign <= self.right && (self.right > 0 || !self.strange)
    }
}
