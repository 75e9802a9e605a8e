//! How one task tells others that something has happened: once and for all ([`latch`]), or again and again
//! ([`doorbell`]).

pub(crate) mod doorbell;
pub(crate) mod latch;
