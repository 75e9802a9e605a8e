//! Queries: asked, answered, filtered and relayed.

mod early_end;
mod filters;
mod incoming;
mod outgoing;
mod relay;
