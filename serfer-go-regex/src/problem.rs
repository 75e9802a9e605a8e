//! The error: why an expression is refused.

/// What is wrong with a regular expression, as [Go reads them](https://golang.org/s/re2syntax).
///
/// The text goes on after the expression: `expression "we(b" has a parenthesis without its partner`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExprProblem {
    /// It is longer than 2,048 bytes, nests deeper than 100 levels, or has or repeats large classes too
    /// often: they have more than 16,384 ranges, or it would compile to more than 512 KiB.
    #[error("is too large")]
    TooLarge,
    /// Close every parenthesis, or write `\(` and `\)` for literal ones.
    #[error("has a parenthesis without its partner")]
    Parenthesis,
    /// Go has no lookarounds and only the flags `imsU`; a group's name is a word.
    #[error("has a group of a kind that Go does not have, or with a bad name")]
    Group,
    /// Classes are `[a-z]`, `[[:alpha:]]`, `\pL`, `\p{Greek}` and the like, with exact names.
    #[error("has a class that is not closed, of an unknown name, or with a reversed range")]
    Class,
    /// A letter or digit may only be escaped where that means something.
    #[error("has an escape that Go does not have")]
    Escape,
    /// A repetition needs something to repeat, which must not be a repetition itself.
    #[error("repeats nothing, or a repetition")]
    Repeat,
    /// The counts of nested repetitions are multiplied.
    #[error("repeats something more than 1000 times, or has its counts reversed")]
    RepeatCount,
}
