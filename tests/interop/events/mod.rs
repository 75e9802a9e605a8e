//! User events.

pub(crate) mod many;
pub(crate) mod replay;
