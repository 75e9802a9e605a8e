//! User events, and how events reach the application.
//!
//! The rest of [`serf`](super) enters with user events that come, and with events of members, which may be
//! held back. Read [`user_event`], then [`ring`], which remembers the recent messages; queries use it as
//! well. [`first_contact`] decides which events are from before this node joined. [`coalesce`] holds events back and tells only the outcome, with [`coalesce_members`] and
//! [`coalesce_user_events`].

pub(crate) mod coalesce;
pub(crate) mod coalesce_members;
pub(crate) mod coalesce_user_events;
pub(crate) mod first_contact;
pub(crate) mod ring;
pub(crate) mod user_event;
