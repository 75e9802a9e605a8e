//! Responses to queries of ours from nodes that are not members, or not yet.
//!
//! A node that joins while we ask may answer before we hear of it. So its responses are kept while the
//! query is open, in case it becomes a member.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::api::QueryId;
use crate::machinery::{Cx, DropReason};
use crate::wire::msgpack::Text;
use crate::wire::serf_message::QueryResponse;

/// How many responses are kept. If there are more, the oldest is dropped.
const KEPT_MAX: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct EarlyResponses(VecDeque<(Box<str>, EarlyResponse, Bytes)>);

/// A response without its sender and payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EarlyResponse {
    query: QueryId,
    flags: u32,
}

impl EarlyResponse {
    pub(crate) fn response<'a>(self, from: &'a str, payload: &'a [u8]) -> QueryResponse<'a> {
        let QueryId { ltime, id } = self.query;
        QueryResponse { flags: self.flags, from: Text(from.as_bytes()), id, ltime, payload }
    }
}

impl EarlyResponses {
    /// Keeps a response of a node that is not a member.
    pub(crate) fn keep(&mut self, cx: &mut Cx<'_>, response: &QueryResponse<'_>, from: &str) {
        if self.0.len() >= KEPT_MAX {
            self.0.pop_front();
            cx.dropped(DropReason::Stranger, &"query response");
        }
        let query = QueryId { ltime: response.ltime, id: response.id };
        let early = EarlyResponse { query, flags: response.flags };
        self.0.push_back((from.into(), early, Bytes::copy_from_slice(response.payload)));
    }

    /// Takes those of one node.
    pub(crate) fn take(&mut self, name: &str) -> Vec<(EarlyResponse, Bytes)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let (its, others): (VecDeque<_>, _) =
            std::mem::take(&mut self.0).into_iter().partition(|(from, ..)| **from == *name);
        self.0 = others;
        its.into_iter().map(|(_, early, payload)| (early, payload)).collect()
    }

    /// A query is closed: its sender is a stranger for good.
    pub(crate) fn drop_all_to(&mut self, cx: &mut Cx<'_>, query: QueryId) {
        self.0.retain(|(_, early, _)| {
            let is_kept = early.query != query;
            if !is_kept {
                cx.dropped(DropReason::Stranger, &"query response");
            }
            is_kept
        });
    }
}
