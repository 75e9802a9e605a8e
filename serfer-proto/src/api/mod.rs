//! What users see: members, tags, events, errors, ids, keys.
//!
//! Plain types with little behaviour. Every other room may use them; they use nothing but the wire. Read
//! [`member`] and [`event`] first.

pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod ids;
pub(crate) mod incarnation;
pub(crate) mod keyring;
pub(crate) mod keys;
pub(crate) mod member;
pub(crate) mod stored;
pub(crate) mod tags;
