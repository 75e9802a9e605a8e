//! Calls of the handle that wait for an answer from the cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_channel::Sender;
use serfer_proto::{
    Event, JoinDone, JoinId, KeyReport, QueryClosed, QueryId, Reply, RotationReport,
    RotationStopped,
};

/// What comes back to a query.
#[derive(Debug)]
pub(crate) enum QueryAnswer {
    Ack(Arc<str>),
    Reply(Reply),
    End(QueryClosed),
}

/// How a rotation of keys ended.
pub(crate) type RotationResult = Result<RotationReport, RotationStopped>;

/// Where each call waits. Dropping a sender ends the wait.
#[derive(Debug, Default)]
pub(crate) struct PendingCalls {
    pub(crate) joins: BTreeMap<JoinId, Sender<JoinDone>>,
    pub(crate) queries: BTreeMap<QueryId, Sender<QueryAnswer>>,
    pub(crate) key_reports: BTreeMap<QueryId, Sender<KeyReport>>,
    pub(crate) rotation: Option<Sender<RotationResult>>,
}

impl PendingCalls {
    /// Gives an event to the call that waits for it. Returns it if others are to read it as well.
    pub(crate) fn answer(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::JoinDone(done) => send(self.joins.remove(&done.join), done),
            Event::Ack(ack) => self.answer_query(ack.query, QueryAnswer::Ack(ack.from)),
            Event::Reply(reply) => self.answer_query(reply.query, QueryAnswer::Reply(reply)),
            Event::QueryClosed(closed) => {
                send(self.queries.remove(&closed.query), QueryAnswer::End(closed));
            }
            event => {
                match &event {
                    Event::KeysDone(report) => {
                        send(self.key_reports.remove(&report.query), report.clone());
                    }
                    Event::RotationDone(report) => send(self.rotation.take(), Ok(report.clone())),
                    Event::RotationStopped(stopped) => {
                        send(self.rotation.take(), Err(stopped.clone()));
                    }
                    _ => {}
                }
                return Some(event);
            }
        }
        None
    }

    fn answer_query(&self, query: QueryId, answer: QueryAnswer) {
        if let Some(replies) = self.queries.get(&query) {
            drop(replies.try_send(answer));
        }
    }
}

/// Answers a call, if there is one that waits.
fn send<T>(call: Option<Sender<T>>, answer: T) {
    if let Some(call) = call {
        drop(call.try_send(answer));
    }
}
