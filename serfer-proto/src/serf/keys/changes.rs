//! Keyrings that change while the cluster runs: doing what others ask, and asking them.
//!
//! Whoever has the primary key of a cluster may change the keys of all its members, by a query that
//! everybody answers. What is asked of others is asked of ourselves first, so a change is made here
//! before it is on its way. Counterpart of the key handlers in Go's `internal_query.go`, and of
//! `keymanager.go`.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::api::error::QueryError;
use crate::api::event::{Event, Query};
use crate::api::ids::QueryId;
use crate::api::keyring::{KeyringError, SecretKey};
use crate::api::keys::{KeyAnswer, KeyError, KeyOp, KeyParams, KeyReport, query};
use crate::api::member::Status;
use crate::api::stored::{Durability, StoreWrite, StoredFile};
use crate::machinery::context::Cx;
use crate::serf::Serf;
use crate::serf::keys::list as key_list;
use crate::serf::keys::rotation::Rotation;
use crate::serf::queries::incoming::response_len;
use crate::serf::queries::internal;
use crate::serf::queries::outgoing::Asker;
use crate::serf::queries::params::QueryParams;
use crate::wire::msgpack::{DecodeError, Reader, Text, Value};
use crate::wire::serf_message::{KeyRequest, KeyResponse, SerfMessage};

/// What is remembered between changes of the keys.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub(crate) rotation: Option<Rotation>,
    /// What was sealed with when rotations began that have not come to their end.
    pub(crate) former: BTreeSet<SecretKey>,
}

/// What was said so far to a question of ours about keys.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) op: KeyOp,
    answers: Vec<KeyAnswer>,
    asks: Asks,
}

/// For whom a question about keys is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    Application,
    Rotation,
}

/// How many keys of one member are looked at: far more than any of ours can have.
const LISTED_MAX: usize = 1024;

// Go's words, which `serf keys` shows.
const NOTHING_TO_MODIFY: &str = "No keyring to modify (encryption not enabled)";
const NOTHING_TO_LIST: &str = "Keyring is empty (encryption not enabled)";
const KEY_LEN: &str = "key size must be 16, 24 or 32 bytes";
// Our own.
const NOT_PRIVATE: &str = "Keys stay as they are while messages in the clear are accepted";

impl Serf {
    // ── what others ask ──────────────────────────────────────────────────────────────────────────

    /// Does what a query about keys asks for, and answers it. The answer is sealed as the change
    /// wants it to be.
    pub(crate) fn on_key_query(&mut self, cx: &mut Cx<'_>, query: &Query) {
        let max = cx.params.queries.response_len_max;
        let answer = match &*query.name {
            query::LIST => {
                let len = |payload: &[u8]| response_len(cx, query.id, payload);
                list_answer(cx, max, len)
            }
            _ => {
                let changed = change_keys(cx, query);
                if changed.is_ok() {
                    store_keyring(cx);
                }
                Some(encode_answer(&KeyResponse {
                    result: changed.is_ok(),
                    message: changed.as_ref().err().map_or("", String::as_str).into(),
                    ..KeyResponse::default()
                }))
            }
        };
        if let Some(answer) = answer {
            self.answer_internal(cx, query, &answer);
        }
    }

    // ── what we ask others ───────────────────────────────────────────────────────────────────────

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
        Ok(self.ask_about_keys(cx, op, params, Asks::Application)?)
    }

    /// Whether keys can be changed now.
    pub(crate) fn check_key_change(&self, cx: &Cx<'_>) -> Result<(), KeyError> {
        if !cx.link.is_private() {
            Err(KeyError::NotEncrypted)
        } else if self.keys.rotation.is_some() || self.asked.is_changing_keys() {
            Err(KeyError::Busy)
        } else {
            Ok(())
        }
    }

    pub(crate) fn ask_about_keys(
        &mut self,
        cx: &mut Cx<'_>,
        op: KeyOp,
        params: KeyParams,
        asks: Asks,
    ) -> Result<QueryId, QueryError> {
        let key = op.key().map(SecretKey::as_bytes).unwrap_or_default();
        let mut payload = Vec::with_capacity(64);
        SerfMessage::KeyRequest(KeyRequest { key: Text(key) }).encode(&mut payload);
        let name = op.query_name();
        tracing::info!(target: "serfer::keys", %op, "asking all members");
        let mut how = QueryParams::new().without_acks().relay_factor(params.relay_factor);
        if let Some(timeout) = params.timeout {
            how = how.timeout(timeout);
        }
        let asker = Asker::Keys(Collected { op, answers: Vec::new(), asks });
        self.ask(cx, name, &payload, &how, asker)
    }

    /// A question of ours about keys takes no more answers.
    pub(crate) fn on_keys_answered(
        &mut self,
        cx: &mut Cx<'_>,
        query: QueryId,
        collected: Collected,
    ) {
        let Collected { op, answers, asks } = collected;
        let said: BTreeSet<&str> = answers.iter().map(|answer| &*answer.node).collect();
        let alive = self.members().filter(|member| member.status == Status::Alive);
        let silent = alive.filter(|member| !said.contains(member.name()));
        let silent = silent.map(|member| member.name().into()).collect();
        let report = KeyReport { query, op, answers: answers.into(), silent };
        let (done, asked) = (report.done(), report.asked());
        tracing::info!(target: "serfer::keys", op = %report.op, done, asked, "members answered");
        match asks {
            Asks::Application => cx.emit(Event::KeysDone(report)),
            Asks::Rotation => self.on_rotation_report(cx, report),
        }
    }
}

impl Collected {
    /// A member has answered.
    pub(crate) fn add(&mut self, node: &str, payload: &[u8]) {
        self.answers.push(read_answer(node, payload));
    }
}

/// A message without what may be a key, for logs.
pub(crate) fn redacted(mut message: SerfMessage<'_>) -> SerfMessage<'_> {
    match &mut message {
        SerfMessage::Query(query) if query.name.0.starts_with(internal::PREFIX.as_bytes()) => {
            query.payload = &[];
        }
        SerfMessage::QueryResponse(response) => response.payload = &[],
        SerfMessage::Relay(_, message) => *message = &[],
        _ => {}
    }
    message
}

/// Changes our ring as a query asks; the error is for whoever asked.
fn change_keys(cx: &mut Cx<'_>, query: &Query) -> Result<(), String> {
    // Go says nothing about what it cannot read.
    let key = read_request(&query.payload).map_err(|_| String::new())?;
    let is_private = cx.link.is_private();
    let ring = cx.link.keyring_mut().ok_or(NOTHING_TO_MODIFY)?;
    if !is_private {
        // Unlike Go: otherwise whoever can send in the clear could take the cluster over.
        return Err(NOT_PRIVATE.to_owned());
    }
    let key = SecretKey::new(key).ok();
    let fingerprint = key.as_ref().map(SecretKey::fingerprint);
    let changed = match (&*query.name, key) {
        (query::INSTALL, Some(key)) => ring.install(key),
        (query::INSTALL, None) => return Err(KEY_LEN.to_owned()),
        (query::USE, Some(key)) => ring.make_primary(&key),
        (query::USE, None) => Err(KeyringError::Unknown),
        (_, Some(key)) => ring.remove(&key),
        // What can be no key is not there.
        (_, None) => Ok(()),
    };
    changed.map_err(|error| error.to_string())?;
    if let Some(key) = fingerprint {
        tracing::info!(target: "serfer::keys", %key, what = &*query.name, by = &*query.from, "keyring changed");
    }
    Ok(())
}

/// Reads what Go's handlers read: the first byte may be anything.
fn read_request(payload: &[u8]) -> Result<&[u8], DecodeError> {
    let body = payload.get(1..).ok_or(DecodeError::Empty)?;
    let request = KeyRequest::take(&mut Reader::new(body))?;
    Ok(request.key.0)
}

/// Has the keys written down, if they are to be. Unlike Go: whether that works shows later, so whoever
/// asked for the change is not told; the application is.
fn store_keyring(cx: &mut Cx<'_>) {
    if let (true, Some(ring)) = (cx.params.stores_keyring, cx.link.keyring()) {
        let (file, write) = (StoredFile::Keyring, StoreWrite::Replace);
        cx.out.store(file, write, Durability::Synced, |out| {
            out.extend_from_slice(ring.to_json().as_bytes());
        });
    }
}

/// Our keys, as many as fit; `response_len` is how long a response with this payload is.
fn list_answer(cx: &Cx<'_>, max: usize, response_len: impl Fn(&[u8]) -> usize) -> Option<Vec<u8>> {
    let refusal = match cx.link.keyring() {
        None => NOTHING_TO_LIST,
        Some(_) if !cx.link.is_private() => NOT_PRIVATE,
        Some(ring) => return key_list::answer(ring, max, response_len),
    };
    let message = refusal.into();
    Some(encode_answer(&KeyResponse { message, ..KeyResponse::default() }))
}

pub(crate) fn encode_answer(answer: &KeyResponse<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    SerfMessage::KeyResponse(*answer).encode(&mut bytes);
    bytes
}

/// What a member has answered; what cannot be read is a failure.
fn read_answer(node: &str, payload: &[u8]) -> KeyAnswer {
    let node: Arc<str> = node.into();
    let failed = |message: String| KeyAnswer {
        node: node.clone(),
        done: false,
        message: message.into(),
        keys: Arc::default(),
        primary: None,
    };
    let answer = match SerfMessage::decode(payload) {
        Ok(SerfMessage::KeyResponse(answer)) => answer,
        Ok(_) => return failed("its answer is none about keys".to_owned()),
        Err(error) => return failed(format!("its answer cannot be read: {error}")),
    };
    let key = |text: Text<'_>| SecretKey::from_base64(text.to_str()?).ok();
    let keys: Arc<[SecretKey]> = answer.keys.iter().take(LISTED_MAX).filter_map(key).collect();
    let message = answer.message.to_string_lossy();
    KeyAnswer {
        done: answer.result,
        message: match (answer.result, &*message) {
            (false, "") => "it could not, and does not say why".into(),
            (_, message) => message.into(),
        },
        primary: key(answer.primary_key).or_else(|| keys.first().cloned()),
        keys,
        node,
    }
}
