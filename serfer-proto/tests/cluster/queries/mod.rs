//! Queries: sending, answering, filtering and relaying them.

mod ask_again;
mod early_end;
mod filters;
mod incoming;
mod outgoing;
mod relay;
