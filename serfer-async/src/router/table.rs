//! The table in which the handlers of an event are found by its name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::handler::Handler;
use crate::pattern::{Pattern, Specificity};

/// The handlers of one kind of event.
pub(super) struct RouteTable<T, A> {
    names: BTreeMap<Box<str>, RouteHandlers<T, A>>,
    /// The most specific first.
    globs: Vec<RouteHandlers<T, A>>,
}

/// The handlers of one pattern, in the order in which they were added.
pub(super) struct RouteHandlers<T, A> {
    pattern: Pattern,
    pub(super) handlers: Vec<Arc<Handler<T, A>>>,
}

impl<T, A> RouteTable<T, A> {
    pub(super) fn add(&mut self, pattern: Pattern, handler: Handler<T, A>) {
        let handler = Arc::new(handler);
        let found = |pattern| RouteHandlers { pattern, handlers: Vec::new() };
        let found = if let Some(name) = pattern.name() {
            self.names.entry(name.into()).or_insert_with(|| found(pattern))
        } else if let Some(at) = self.globs.iter().position(|found| found.pattern == pattern) {
            &mut self.globs[at]
        } else {
            let specificity = pattern.specificity();
            let is_before = |found: &RouteHandlers<T, A>| found.specificity() >= specificity;
            let at = self.globs.partition_point(is_before);
            self.globs.insert(at, found(pattern));
            &mut self.globs[at]
        };
        found.handlers.push(handler);
    }

    /// The most specific pattern that a name matches.
    pub(super) fn find(&self, name: &str) -> Option<&RouteHandlers<T, A>> {
        let glob = || self.globs.iter().find(|found| found.pattern.matches(name));
        self.names.get(name).or_else(glob)
    }

    pub(super) fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.names.values().chain(&self.globs).map(|found| &found.pattern)
    }
}

impl<T, A> Clone for RouteTable<T, A> {
    fn clone(&self) -> Self {
        Self { names: self.names.clone(), globs: self.globs.clone() }
    }
}

impl<T, A> Default for RouteTable<T, A> {
    fn default() -> Self {
        Self { names: BTreeMap::new(), globs: Vec::new() }
    }
}

impl<T, A> RouteHandlers<T, A> {
    pub(super) fn specificity(&self) -> Specificity {
        self.pattern.specificity()
    }
}

impl<T, A> Clone for RouteHandlers<T, A> {
    fn clone(&self) -> Self {
        Self { pattern: self.pattern.clone(), handlers: self.handlers.clone() }
    }
}
