//! Regular expressions with Go's syntax and meaning.

mod class;
mod parse;
mod problem;
mod regex;

pub use problem::ExprProblem;
pub use regex::{GoRegex, LEN_MAX};
