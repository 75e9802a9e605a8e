//! What the application is asked while a message is being handled.
//!
//! The answers are functions, and must be pure: they are called in the middle of things, as often as
//! it takes, and the same question must have the same answer, or a run cannot be repeated.

use std::sync::Arc;
use std::time::Duration;

use crate::api::member::Member;

type Question<T, Answer> = Option<Arc<dyn Fn(&T) -> Answer + Send + Sync>>;

type TimeOf = Arc<dyn Fn(&Member, Duration) -> Duration + Send + Sync>;

/// Why not, in words.
type Objection = Result<(), String>;

/// The functions that were given; whatever was not is yes, or stays as it is.
#[derive(Clone, Default)]
pub(crate) struct Questions {
    pub(crate) accept_member: Question<Member, Objection>,
    pub(crate) accept_merge: Question<[Member], Objection>,
    pub(crate) ping_by_stream: Question<Member, bool>,
    pub(crate) reconnect_timeout_of: Option<TimeOf>,
}

impl std::fmt::Debug for Questions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Questions")
            .field("accept_member", &self.accept_member.is_some())
            .field("accept_merge", &self.accept_merge.is_some())
            .field("ping_by_stream", &self.ping_by_stream.is_some())
            .field("reconnect_timeout_of", &self.reconnect_timeout_of.is_some())
            .finish()
    }
}
