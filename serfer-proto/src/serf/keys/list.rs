//! A list of keys that fits into one answer.
//!
//! An answer to a query is one datagram, so a long ring does not fit: then the first keys are listed,
//! the primary being the very first, and it is said how many there are. Counterpart of
//! `keyListResponseWithCorrectSize` in Go's `internal_query.go`.

use crate::api::keyring::{Keyring, SecretKey};
use crate::serf::keys::changes::encode_answer;
use crate::wire::msgpack::Text;
use crate::wire::seq::SeqBuf;
use crate::wire::serf_message::KeyResponse;

/// A key of 16 bytes takes that much in an answer. Go: `minEncodedKeyLength`.
const LISTED_KEY_LEN_MIN: usize = 25;

/// The keys of a ring, as an answer of which the whole response, whose length `response_len` tells,
/// is no longer than `max`; `None` if there is no such answer.
pub(crate) fn answer(
    ring: &Keyring,
    max: usize,
    response_len: impl Fn(&[u8]) -> usize,
) -> Option<Vec<u8>> {
    let keys: Vec<String> = ring.keys().map(SecretKey::to_base64).collect();
    fitting(&keys, &keys[0], max, response_len)
}

fn fitting(
    all: &[String],
    primary: &str,
    max: usize,
    response_len: impl Fn(&[u8]) -> usize,
) -> Option<Vec<u8>> {
    let (mut shown, mut message) = (all.len(), String::new());
    for fewer in (0..=keys_max(max).min(all.len())).rev() {
        let keys = SeqBuf::of(all[..shown].iter().map(|key| Text(key.as_bytes())));
        let answer = encode_answer(&KeyResponse {
            keys: keys.as_seq(),
            message: message.as_str().into(),
            primary_key: primary.into(),
            result: true,
        });
        if response_len(&answer) <= max {
            return Some(answer);
        }
        shown = fewer;
        message =
            format!("truncated key list response, showing first {shown} of {} keys", all.len());
    }
    None
}

/// More keys than fit into a response of this length, but not many more. Go:
/// `estimateMaxKeysInListKeyResponse`.
fn keys_max(response_len_max: usize) -> usize {
    response_len_max / LISTED_KEY_LEN_MIN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::serf_message::{QueryResponse, SerfMessage};

    const MAX: usize = 1024;

    /// How long the response of a node without a name is.
    fn response_len(payload: &[u8]) -> usize {
        let mut response = Vec::new();
        let message = QueryResponse { payload, ..QueryResponse::default() };
        SerfMessage::QueryResponse(message).encode(&mut response);
        response.len()
    }

    /// How many keys of 44 characters are listed, and what is said about that.
    fn listed(keys: usize, primary: &str, max: usize) -> Option<(usize, String)> {
        let answer = fitting(&vec!["k".repeat(44); keys], primary, max, response_len)?;
        assert!(response_len(&answer) <= max);
        let SerfMessage::KeyResponse(answer) = SerfMessage::decode(&answer).unwrap() else {
            panic!("it is about keys");
        };
        assert!(answer.result);
        Some((answer.keys.len(), answer.message.to_string_lossy()))
    }

    fn first(shown: usize, all: usize) -> Option<(usize, String)> {
        let message = format!("truncated key list response, showing first {shown} of {all} keys");
        Some((shown, message))
    }

    #[test]
    fn keys_that_do_not_fit_are_counted() {
        // Go's figures, which are without a primary key.
        for keys in [50, 38, 40] {
            assert_eq!(listed(keys, "", MAX), first(18, keys));
        }
        for keys in [18, 1, 0] {
            assert_eq!(listed(keys, "", MAX), Some((keys, String::new())));
        }
        let primary = "k".repeat(44);
        assert_eq!(listed(50, &primary, MAX), first(17, 50));
    }

    #[test]
    fn an_answer_for_which_there_is_no_room_is_none() {
        assert_eq!(listed(3, "", 200), first(1, 3));
        assert_eq!(listed(3, "", 100), None);
    }

    #[test]
    fn the_estimate_is_never_too_low() {
        for (bytes, max) in [(16, MAX), (32, MAX), (16, 200), (16, 9000)] {
            let key = SecretKey::new(&vec![1; bytes]).unwrap().to_base64();
            assert!(keys_max(max) * (key.len() + 1) >= max - max % LISTED_KEY_LEN_MIN);
        }
    }
}
