//! The members as serf knows them: alive, leaving, left or failed.
//!
//! memberlist enters with each node that joins or goes, others with each intent. Read [`state`], then
//! [`lifecycle`] and [`intents`], which together decide a member's status; [`recent_intents`] keeps
//! intents that came before their member. [`leave`] is how we leave ourselves, and [`ask_leaving`] how a
//! member objects that does not. [`reap`] forgets members
//! that are gone and [`reconnect`] tries them again. [`liveness`] counts them; [`changes`] is for
//! readers of the member list.

pub(crate) mod ask_leaving;
pub(crate) mod changes;
pub(crate) mod intents;
pub(crate) mod leave;
pub(crate) mod lifecycle;
pub(crate) mod liveness;
pub(crate) mod reap;
pub(crate) mod recent_intents;
pub(crate) mod reconnect;
pub(crate) mod state;
