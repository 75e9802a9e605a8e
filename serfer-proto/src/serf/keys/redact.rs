//! Keeps keys out of traces.

use crate::serf::queries::internal::names;
use crate::wire::serf_message::SerfMessage;

/// The message without what may be a key.
pub(crate) fn redacted(mut message: SerfMessage<'_>) -> SerfMessage<'_> {
    match &mut message {
        SerfMessage::Query(query) if query.name.0.starts_with(names::PREFIX.as_bytes()) => {
            query.payload = &[];
        }
        SerfMessage::QueryResponse(response) => response.payload = &[],
        SerfMessage::Relay(_, message) => *message = &[],
        _ => {}
    }
    message
}
