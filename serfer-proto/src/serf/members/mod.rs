//! The members as serf knows them: who is here, who left and who failed, and why.
//!
//! Read [`lifecycle`] first, then [`intents`] and [`leave`]; [`coalesce`] and [`changes`] are how the
//! application hears of it.

pub(crate) mod changes;
pub(crate) mod coalesce;
pub(crate) mod intents;
pub(crate) mod leave;
pub(crate) mod lifecycle;
