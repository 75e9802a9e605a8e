//! The functions of the application that a node calls while it handles a message.
//!
//! They must be pure. A node calls them as often as it needs, and the same arguments must give the same
//! result, or a run cannot be repeated.

use std::sync::Arc;
use std::time::Duration;

use crate::api::Member;

type Callback<T, Answer> = Option<Arc<dyn Fn(&T) -> Answer + Send + Sync>>;

type TimeOf = Arc<dyn Fn(&Member, Duration) -> Duration + Send + Sync>;

/// The error says why not.
type Objection = Result<(), String>;

/// The functions that were set. Without one, the answer is yes, or the default value.
#[derive(Clone, Default)]
pub(crate) struct Callbacks {
    pub(crate) accept_member: Callback<Member, Objection>,
    pub(crate) accept_merge: Callback<[Member], Objection>,
    pub(crate) ping_by_stream: Callback<Member, bool>,
    pub(crate) reconnect_timeout_of: Option<TimeOf>,
}

impl std::fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Callbacks")
            .field("accept_member", &self.accept_member.is_some())
            .field("accept_merge", &self.accept_merge.is_some())
            .field("ping_by_stream", &self.ping_by_stream.is_some())
            .field("reconnect_timeout_of", &self.reconnect_timeout_of.is_some())
            .finish()
    }
}
