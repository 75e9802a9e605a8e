//! Where the seeds of a join lead: from text to addresses, and from addresses to members.
//!
//! Only the builder and the handle call what is here; options, settings and errors use its types. Read in
//! this order: [`address`] (one address), [`seed_text`] (all kinds of seeds), [`name_servers`], [`dns`] and
//! [`services`] (SRV records), [`seeds`] (from seeds to addresses), [`attempt`] (from addresses to members),
//! [`join`] (joins, and the start of a node), [`seed_watch`] and [`seed_book`] (seeds while a node runs),
//! [`failure`] (why they fail). [`side_by_side`] runs lookups together, [`pauses`] wait between tries.

pub(crate) mod address;
mod attempt;
mod dns;
pub(crate) mod failure;
pub(crate) mod join;
mod name_servers;
mod pauses;
mod seed_book;
mod seed_text;
pub(crate) mod seed_watch;
pub(crate) mod seeds;
mod services;
mod side_by_side;
