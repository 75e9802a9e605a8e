//! Regular expressions with Go's syntax and meaning.
//!
//! Programs in Go and in Rust sometimes have to agree on what an expression means: for example the
//! members of a Serf cluster, each of which evaluates the filters of a query for itself. Rust's engines
//! read several things differently from Go: `[a&&b]`, `\<`, `\s`, `(?x)`, `a**`. So this crate parses an
//! expression as Go does, and hands only the meaning to an engine. It is the counterpart of
//! `regexp.MatchString`, and of `Parse` with the flags `Perl` in Go's `regexp/syntax`.
//!
//! ```
//! use serfer_go_regex::GoRegex;
//!
//! let mut regex = GoRegex::new(r"(?i)^web-\d+$")?;
//! assert!(regex.is_match("WEB-12"));
//!
//! // In Go, these are three characters. In Rust, they are those of `a` that are also in `b`: none.
//! let mut regex = GoRegex::new("^[a&&b]$")?;
//! assert!(regex.is_match("&"));
//! # Ok::<(), serfer_go_regex::ExprProblem>(())
//! ```
//!
//! # Syntax
//!
//! It is [Go's](https://golang.org/s/re2syntax), as in Go 1.22 to 1.24: `(?<name>…)` is accepted, and `\pC`
//! has no unassigned characters. This crate only says whether there is a match. So it reads the names of
//! groups and the signs for greed, but they make no difference.
//!
//! # Limits
//!
//! Unlike Go: an expression is refused as [too large](ExprProblem::TooLarge) if it is longer than
//! [`LEN_MAX`], nests deeper than 100 levels, has large classes, or compiles to more than 512 KiB. The
//! time to match is in proportion to the compiled size and to the length of the value. Nothing
//! backtracks.
//!
//! # Steps
//!
//! An expression from a stranger may still take a thousand times as long to compile as to receive. All of
//! the work is measured in steps: [`GoRegex::new_counted`] says how many it took to compile, and
//! [`GoRegex::steps`] how many it takes at most to match a value, before it is done. A step takes about
//! 10 ns.
//!
//! ```
//! use serfer_go_regex::GoRegex;
//!
//! let mut steps_left = 1 << 20;
//! let (regex, steps) = GoRegex::new_counted("^web");
//! steps_left -= steps;
//! let mut regex = regex?;
//! if regex.steps("web-1") <= steps_left {
//!     assert!(regex.is_match("web-1"));
//! }
//! # Ok::<(), serfer_go_regex::ExprProblem>(())
//! ```
//!
//! # Errors
//!
//! [`ExprProblem`] says what is wrong with an expression. No expression and no value makes this crate
//! panic.
//!
//! ```
//! use serfer_go_regex::{ExprProblem, GoRegex};
//!
//! let problem = GoRegex::new("we(b").unwrap_err();
//! assert_eq!(problem, ExprProblem::Parenthesis);
//! assert_eq!(problem.to_string(), "has a parenthesis without its partner");
//! ```
//!
//! Read `parse` first, the grammar, then `class` and `property`, the classes of characters.

mod class;
mod cursor;
mod parse;
mod problem;
mod property;
mod regex;

pub use problem::ExprProblem;
pub use regex::{GoRegex, LEN_MAX};
