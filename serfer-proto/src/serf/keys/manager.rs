//! Key operations of this node: it asks all members, and collects their answers to a report.
//!
//! This node is one of the members, so it changes its own keys as well. Counterpart of Go's
//! `keymanager.go`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::{
    Event, KeyAnswer, KeyError, KeyOp, KeyParams, KeyReport, QueryError, QueryId, SecretKey, Status,
};
use crate::machinery::Cx;
use crate::serf::Serf;
use crate::serf::keys::rotation::Rotation;
use crate::serf::queries::internal::names;
use crate::serf::queries::open_queries::{Asker, KeyRequester};
use crate::serf::queries::params::QueryParams;
use crate::wire::msgpack::Text;
use crate::wire::serf_message::{KeyRequest, KeyResponse, SerfMessage};

/// How many keys of one answer are read: far more than one datagram can hold of ours.
const LISTED_MAX: usize = 1024;

/// The state of key operations and rotations.
#[derive(Debug, Default)]
pub(crate) struct KeyManager {
    pub(crate) rotation: Option<Rotation>,
    /// The primary keys that members had when a rotation began. Kept until a rotation is complete.
    pub(crate) former_primaries: BTreeSet<SecretKey>,
    /// The answers so far to each open query about keys.
    answers: BTreeMap<QueryId, Vec<KeyAnswer>>,
}

impl KeyManager {
    /// A member has answered a query about keys.
    pub(crate) fn on_answer(&mut self, query: QueryId, node: &str, payload: &[u8]) {
        self.answers.entry(query).or_default().push(read_answer(node, payload));
    }
}

impl Serf {
    /// Asks all members to do something with their keys, for the application.
    pub(crate) fn manage_key(
        &mut self,
        cx: &mut Cx<'_>,
        op: KeyOp,
        params: KeyParams,
    ) -> Result<QueryId, KeyError> {
        if op.key().is_some() {
            self.check_key_change(cx)?;
        }
        Ok(self.send_key_query(cx, op, params, KeyRequester::Application)?)
    }

    /// Whether keys can be changed now.
    pub(crate) fn check_key_change(&self, cx: &Cx<'_>) -> Result<(), KeyError> {
        if !cx.link.is_private() {
            Err(KeyError::NotEncrypted)
        } else if self.keys.rotation.is_some() || self.open_queries.is_changing_keys() {
            Err(KeyError::Busy)
        } else {
            Ok(())
        }
    }

    pub(crate) fn send_key_query(
        &mut self,
        cx: &mut Cx<'_>,
        op: KeyOp,
        params: KeyParams,
        requester: KeyRequester,
    ) -> Result<QueryId, QueryError> {
        let key = Text(op.key().map(SecretKey::as_bytes).unwrap_or_default());
        let payload = SerfMessage::KeyRequest(KeyRequest { key }).to_vec();
        let name = match op {
            KeyOp::Install(_) => names::INSTALL_KEY,
            KeyOp::Use(_) => names::USE_KEY,
            KeyOp::Remove(_) => names::REMOVE_KEY,
            KeyOp::List => names::LIST_KEYS,
        };
        tracing::info!(target: "serfer::keys", %op, "asking all members");
        let timeout = params.timeout;
        let params = QueryParams::new().without_acks().relay_factor(params.relay_factor);
        let params = QueryParams { timeout, ..params };
        self.send_query(cx, name, &payload, &params, Asker::Keys(op, requester))
    }

    /// A query of this node about keys is closed.
    pub(crate) fn on_keys_answered(
        &mut self,
        cx: &mut Cx<'_>,
        query: QueryId,
        op: KeyOp,
        requester: KeyRequester,
    ) {
        let answers = self.keys.answers.remove(&query).unwrap_or_default();
        let answered: BTreeSet<&str> = answers.iter().map(|answer| &*answer.node).collect();
        let alive = self.members().filter(|member| member.status == Status::Alive);
        let silent = alive.filter(|member| !answered.contains(member.name()));
        let silent = silent.map(|member| member.name().into()).collect();
        let report = KeyReport { query, op, answers: answers.into(), silent };
        let (done, asked) = (report.done(), report.asked());
        tracing::info!(target: "serfer::keys", op = %report.op, done, asked, "members answered");
        match requester {
            KeyRequester::Application => cx.emit(Event::KeysDone(report)),
            KeyRequester::Rotation => self.on_rotation_report(cx, report),
        }
    }
}

/// Reads a member's answer. An answer that cannot be read is a failure.
fn read_answer(node: &str, payload: &[u8]) -> KeyAnswer {
    let (answer, fault) = match SerfMessage::decode(payload) {
        Ok(SerfMessage::KeyResponse(answer)) => (answer, String::new()),
        Ok(_) => (KeyResponse::default(), "its answer is not about keys".to_owned()),
        Err(error) => (KeyResponse::default(), format!("its answer cannot be read: {error}")),
    };
    let key = |text: Text<'_>| SecretKey::from_base64(text.to_str()?).ok();
    let keys: Arc<[SecretKey]> = answer.keys.iter().take(LISTED_MAX).filter_map(key).collect();
    let message = match (answer.result, answer.message) {
        _ if !fault.is_empty() => fault,
        (false, Text([])) => "it could not, and does not say why".to_owned(),
        (_, message) => message.to_string_lossy(),
    };
    KeyAnswer {
        node: node.into(),
        done: answer.result,
        message: message.into(),
        primary: key(answer.primary_key).or_else(|| keys.first().cloned()),
        keys,
    }
}
