//! Where the seeds of a join lead: from text to addresses, and from addresses to members.
//!
//! Only the builder and the handle call what is here; options, settings and errors use its types. Read in this order: [`address`] (one address), [`dns`]
//! (SRV records), [`seeds`] (all kinds of seeds), [`join`] (joins, and when they are repeated), [`failure`]
//! (why they fail). [`side_by_side`] runs lookups together.

pub(crate) mod address;
mod dns;
pub(crate) mod failure;
pub(crate) mod join;
pub(crate) mod seeds;
mod side_by_side;
