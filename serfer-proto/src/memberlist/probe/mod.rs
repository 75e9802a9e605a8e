//! Failure detection: asking members whether they are there.
//!
//! Read [`prober`] for a round of probes, then [`awareness`] and [`isolation`], which tell how far this
//! node trusts its own verdicts.

pub(crate) mod awareness;
pub(crate) mod isolation;
pub(crate) mod prober;
