//! Where the seeds of a join lead: from text to addresses, and from addresses to members.
//!
//! Only the builder and the handle call what is here. Read in this order: [`address`] (one address), [`dns`] (SRV
//! records), [`seeds`] (all kinds of seeds), [`join`] (joins, and what is done if they fail).

pub(crate) mod address;
pub(crate) mod dns;
pub(crate) mod join;
pub(crate) mod seeds;
