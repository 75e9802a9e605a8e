//! Queries: a question to many members, which answer to the sender alone.
//!
//! A query spreads by gossip like a user event. Each member that receives it evaluates its filters, and
//! if they match, sends an ack and a reply directly to the sender. [`serf`](super) enters this room
//! through methods of `Serf`; the [keys](super::keys) send their queries through it, and use its types.
//!
//! Read a query of this node first: [`params`], [`outgoing`], [`open_queries`] with
//! [`pending_responders`], [`response_dispatch`], by which a reply reaches the asker, [`early_responses`],
//! and [`ask_again`]. Then a query of another node: [`incoming`], [`filter`] with [`rate_limit`],
//! [`held_answers`], [`relay`], [`repeat`]. Last the queries that nodes send by themselves: [`internal`].

pub(crate) mod ask_again;
pub(crate) mod early_responses;
pub(crate) mod filter;
pub(crate) mod held_answers;
pub(crate) mod incoming;
pub(crate) mod internal;
pub(crate) mod open_queries;
pub(crate) mod outgoing;
pub(crate) mod params;
pub(crate) mod pending_responders;
pub(crate) mod rate_limit;
pub(crate) mod relay;
pub(crate) mod repeat;
pub(crate) mod response_dispatch;
