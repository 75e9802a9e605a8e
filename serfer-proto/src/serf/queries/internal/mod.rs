//! Internal queries: those that nodes send by themselves. None of them reaches the application.
//!
//! Read [`names`], [`answers`], and [`name_conflict`] with [`conflict_news`].

pub(crate) mod answers;
pub(crate) mod conflict_news;
pub(crate) mod name_conflict;
pub(crate) mod names;
