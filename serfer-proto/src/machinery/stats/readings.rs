//! One number of [`Stats`](crate::Stats), for those who export them.

/// One number of [`Stats`](crate::Stats).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reading {
    /// The name of the field.
    pub name: &'static str,
    /// How it behaves over time.
    pub kind: ReadingKind,
    /// What it is, in a few words.
    pub help: &'static str,
    /// Its value.
    pub value: u64,
}

/// How a number of [`Stats`](crate::Stats) behaves over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadingKind {
    /// It only ever grows.
    Counter,
    /// It is as of now.
    Gauge,
}
