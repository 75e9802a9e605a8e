//! The members as serf knows them: who is here, who left and who failed, and why.
//!
//! Read [`lifecycle`] first, then [`recent_intents`] and [`leave`]; [`changes`] is how the
//! application hears of it.

pub(crate) mod changes;

pub(crate) mod leave;
pub(crate) mod lifecycle;
pub(crate) mod recent_intents;
