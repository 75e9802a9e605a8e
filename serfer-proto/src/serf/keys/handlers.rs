//! What this node does with its keyring when a query asks for it.
//!
//! A node that has the primary key of a cluster may change the keys of all its members by a query. The
//! node that sends this query changes its own keys here as well. With a keyring file, a change first goes
//! through [`storing`](super::storing).
//! Counterpart of the key handlers in Go's `internal_query.go`.

use crate::api::{Keyring, KeyringError, Query, SecretKey};
use crate::machinery::Cx;
use crate::serf::Serf;
use crate::serf::keys::list;
use crate::serf::queries::incoming::response;
use crate::serf::queries::internal::names;
use crate::wire::msgpack::{DecodeError, Reader, Value};
use crate::wire::serf_message::{KeyRequest, KeyResponse, SerfMessage};

// Go's words, which `serf keys` shows.
const NOTHING_TO_MODIFY: &str = "No keyring to modify (encryption not enabled)";
const NOTHING_TO_LIST: &str = "Keyring is empty (encryption not enabled)";
const KEY_LEN: &str = "key size must be 16, 24 or 32 bytes";
// Our own.
const NOT_PRIVATE: &str = "Keys stay as they are while messages in the clear are accepted";

impl Serf {
    /// Does what a query about keys asks for, and answers it. The answer is sealed with the primary key
    /// after the change.
    pub(crate) fn on_key_query(&mut self, cx: &mut Cx<'_>, query: &Query) {
        match &*query.name {
            names::LIST_KEYS => {
                if let Some(answer) = list_keys(cx, query) {
                    self.answer_internal(cx, query, &answer);
                }
            }
            _ if cx.params.store_keyring => self.store_key_change(cx, query),
            _ => {
                let changed = changed_keys(cx, query).map(|ring| use_keys(cx, query, ring));
                self.answer_key_change(cx, query, changed);
            }
        }
    }

    /// Answers a query that is to change keys.
    pub(crate) fn answer_key_change(
        &mut self,
        cx: &mut Cx<'_>,
        query: &Query,
        outcome: Result<(), String>,
    ) {
        let answer = encode_outcome(outcome.as_ref().map(drop).map_err(String::as_str));
        self.answer_internal(cx, query, &answer);
    }
}

/// Puts changed keys into force. The next message is sealed with them.
pub(crate) fn use_keys(cx: &mut Cx<'_>, query: &Query, ring: Keyring) {
    cx.link.set_keyring(ring);
    let key = read_request(&query.payload).ok().and_then(|key| SecretKey::new(key).ok());
    if let Some(key) = key.map(|key| key.fingerprint()) {
        tracing::info!(target: "serfer::keys", %key, what = &*query.name, by = &*query.from, "keyring changed");
    }
}

/// The keyring as a query wants it. The error is for the sender of the query.
pub(crate) fn changed_keys(cx: &Cx<'_>, query: &Query) -> Result<Keyring, String> {
    // Go gives no reason if it cannot read the query.
    let key = read_request(&query.payload).map_err(|_| String::new())?;
    let mut ring = cx.link.keyring().ok_or(NOTHING_TO_MODIFY)?.clone();
    if !cx.link.is_private() {
        // Unlike Go: otherwise a node that can send in the clear could take over the cluster.
        return Err(NOT_PRIVATE.to_owned());
    }
    let key = SecretKey::new(key).ok();
    let changed = match (&*query.name, key) {
        (names::INSTALL_KEY, Some(key)) => ring.install(key),
        (names::INSTALL_KEY, None) => return Err(KEY_LEN.to_owned()),
        (names::USE_KEY, Some(key)) => ring.make_primary(&key),
        (names::USE_KEY, None) => Err(KeyringError::Unknown),
        (_, Some(key)) => ring.remove(&key),
        // An invalid key is not in the keyring.
        (_, None) => Ok(()),
    };
    changed.map_err(|error| error.to_string())?;
    Ok(ring)
}

/// Reads what Go's handlers read: the first byte may be anything.
fn read_request(payload: &[u8]) -> Result<&[u8], DecodeError> {
    let body = payload.get(1..).ok_or(DecodeError::Empty)?;
    let request = KeyRequest::take(&mut Reader::new(body))?;
    Ok(request.key.0)
}

/// The keys of this node, as many as fit; `None` if none fits.
fn list_keys(cx: &Cx<'_>, query: &Query) -> Option<Vec<u8>> {
    match cx.link.keyring() {
        None => Some(encode_outcome(Err(NOTHING_TO_LIST))),
        Some(_) if !cx.link.is_private() => Some(encode_outcome(Err(NOT_PRIVATE))),
        Some(ring) => list::answer(ring, cx.params.queries.response_len_max, |payload| {
            response(cx, query.id, 0, payload).encoded_len()
        }),
    }
}

fn encode_outcome(outcome: Result<(), &str>) -> Vec<u8> {
    let message = outcome.err().unwrap_or_default().into();
    let answer = KeyResponse { result: outcome.is_ok(), message, ..KeyResponse::default() };
    SerfMessage::KeyResponse(answer).to_vec()
}
