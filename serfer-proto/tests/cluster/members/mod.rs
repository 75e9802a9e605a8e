//! The list of members: what changes it, which members are refused, and what is reported.

mod address_claim;
mod admission;
mod coalescing;
mod deltas;
mod evidence;
mod intents;
mod name_conflict;
mod own_name;
mod push_pull;
mod relocation;
mod transitions;
mod updates;
