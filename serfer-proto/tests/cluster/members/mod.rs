//! The list of members: what changes it, who gets in, and what the application is told.

mod address_claim;
mod admission;
mod coalescing;
mod deltas;
mod intents;
mod name_conflict;
mod push_pull;
mod transitions;
mod updates;
