//! Scripts: commands, and exactly what they print.
//!
//! A script is a text of blocks. A block consists of commands, a line `----`, and what the commands
//! print. A blank line ends it. Lines that start with `#` are comments. A run is the same every time,
//! and so is what it prints. So a change of behaviour shows as a difference between two texts.
//!
//! ```text
//! # Two nodes find each other.
//! show nothing
//! nodes a b preset=local latency=10ms
//! ----
//! ok
//!
//! show event
//! join a b
//! run 100ms
//! ----
//!    0.030 b       event member-join a
//!    0.040 a       event member-join b
//!    0.040 a       event join-done b
//! ```
//!
//! [`play`] plays a script and returns it with what was really printed. `scripts/README.md` in this
//! crate's folder lists the commands.

// This room stands above all others: it plays commands on a [`Sim`](crate::Sim) and prints its trace.
// Only `play` and `ScriptError` leave it.
//
// Read it in this order: `words`, how a command is split; `settings` and `line_filter`, what commands
// set; `player`, which plays them; `faults`, `calls` and `inject`, the commands by topic; `views`,
// what a node's state looks like in print.

mod calls;
mod faults;
mod inject;
mod line_filter;
mod player;
mod settings;
mod views;
mod words;

use player::Player;

/// Why a script cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
#[non_exhaustive]
pub struct ScriptError {
    /// The script's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

/// The line between commands and what they print.
const SEPARATOR: &str = "----";

/// Stands for no output.
const NO_OUTPUT: &str = "ok";

/// Plays a script, and returns it with what was really printed in place of what was expected. If
/// both agree, this is the same text.
///
/// Commands without a line `----` after them get one, so a new script may consist of commands only.
///
/// # Errors
/// If a command is unknown or fails. `file` is the name of the script in the error.
pub fn play(file: &str, script: &str) -> Result<String, ScriptError> {
    let mut player = Player::new();
    let mut played = String::new();
    let mut lines = script.lines().enumerate().peekable();
    let mut put = |line: &str| {
        played.push_str(line);
        played.push('\n');
    };
    while let Some((number, line)) = lines.next() {
        let line = line.trim_end();
        put(line);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fail = |message| ScriptError { file: file.to_owned(), line: number + 1, message };
        if line == SEPARATOR {
            return Err(fail("there is no command before this".to_owned()));
        }
        player.command(line).map_err(fail)?;
        // The commands of a block print together, after the last one.
        let next = lines.peek().map(|(_, next)| next.trim_end());
        match next {
            Some(SEPARATOR) => {
                // Skip what was expected.
                while lines.next_if(|(_, line)| !line.trim_end().is_empty()).is_some() {}
            }
            Some("") | None => {}
            Some(_) => continue,
        }
        put(SEPARATOR);
        let printed = player.take_printed();
        put(if printed.is_empty() { NO_OUTPUT } else { printed.trim_end() });
    }
    Ok(played)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_expected_is_replaced_by_what_was_printed() {
        let script =
            "# Two.\nshow nothing\nnodes a b\nmembers a\n----\nnonsense\nmore\n\nmembers b\n";
        let played = play("two.txt", script).unwrap();
        let expected = "# Two.\nshow nothing\nnodes a b\nmembers a\n----\n\
                        a alive 10.0.0.1:7946\n\nmembers b\n----\nb alive 10.0.0.2:7946\n";
        assert_eq!(played, expected);
        assert_eq!(play("two.txt", &played).unwrap(), expected);
    }

    #[test]
    fn a_bad_command_is_named_with_its_line() {
        let error = |script| play("x.txt", script).unwrap_err().to_string();
        assert_eq!(error("\n# x\njump a"), "x.txt:3: there is no command `jump`");
        assert_eq!(error("nodes a\njoin a b"), "x.txt:2: there is no node `b`");
        assert_eq!(
            error("nodes a\nrun soon"),
            "x.txt:2: `soon` is not a time: write 100ms, 5s or 2m"
        );
        assert_eq!(error("nodes a colour=red"), "x.txt:1: unknown word `colour`");
        assert_eq!(error("----"), "x.txt:1: there is no command before this");
        assert_eq!(
            error("nodes a\ncrash a\nleave a"),
            "x.txt:3: `a` is not running: it cannot be called"
        );
    }
}
