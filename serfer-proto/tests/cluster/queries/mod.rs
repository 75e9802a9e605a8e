//! Queries: sending, answering, filtering and relaying them.

mod early_end;
mod filters;
mod incoming;
mod outgoing;
mod relay;
