//! Tests of the router on a node that is alone. This file has the handlers that they share.

mod answers;
mod order;
mod routing;
mod shutdown;
mod trouble;

use std::time::Duration;

use super::run::name_of;
use super::*;
use crate::node::testing::{Notes, TestGate, TestNode, traced};

const SECOND: Duration = Duration::from_secs(1);

/// A handler that notes the event's name.
fn noting<T: Send + 'static>(
    notes: &Notes,
    note: &'static str,
    name: impl Fn(&T) -> String + Send + Sync + 'static,
) -> impl Fn(T) + Send + Sync + 'static {
    let notes = notes.clone();
    move |event| notes.add(format!("{note}: {}", name(&event)))
}

fn user(notes: &Notes, note: &'static str) -> impl Fn(UserEvent) + Send + Sync + 'static {
    noting(notes, note, |event: &UserEvent| event.name.to_string())
}

fn any(notes: &Notes, note: &'static str) -> impl Fn(Event) + Send + Sync + 'static {
    noting(notes, note, |event: &Event| name_of(event).to_string())
}
