//! Writing values as go-msgpack writes them.

use rmp::encode;

const INFALLIBLE: &str = "a Vec takes whatever is written to it";

/// Appends a map's head.
#[inline]
pub fn put_map(out: &mut Vec<u8>, entries: usize) {
    if entries < 16 {
        return out.push(0x80 | entries as u8);
    }
    encode::write_map_len(out, length(entries)).expect(INFALLIBLE);
}

/// How long a string or bytes are once [appended](put_raw).
pub fn raw_len(len: usize) -> usize {
    let head = match len {
        0..=31 => 1,
        32..=0xffff => 3,
        0x1_0000.. => 5,
    };
    head + len
}

/// Appends a list's head.
pub fn put_array(out: &mut Vec<u8>, elements: usize) {
    encode::write_array_len(out, length(elements)).expect(INFALLIBLE);
}

/// Appends `nil`.
#[inline]
pub fn put_nil(out: &mut Vec<u8>) {
    out.push(0xc0);
}

/// Appends a string or bytes in the old raw family, which every version of serf reads.
#[inline(always)]
pub fn put_raw(out: &mut Vec<u8>, bytes: &[u8]) {
    put_raw_head(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends what stands before a string or bytes.
#[inline]
pub(in crate::wire) fn put_raw_head(out: &mut Vec<u8>, len: usize) {
    match length(len).to_be_bytes() {
        [0, 0, 0, len @ 0..=31] => out.push(0xa0 | len),
        [0, 0, high, low] => out.extend_from_slice(&[0xda, high, low]),
        [a, b, c, d] => out.extend_from_slice(&[0xdb, a, b, c, d]),
    }
}

/// A key of a message as it is written: shorter than 32 bytes. `N` is one more than its length.
pub(in crate::wire) const fn raw_key<const N: usize>(key: &str) -> [u8; N] {
    assert!(key.len() < 32 && key.len() + 1 == N, "it has a head of one byte");
    let mut raw = [0xa0 | key.len() as u8; N];
    let mut at = 1;
    while at < N {
        raw[at] = key.as_bytes()[at - 1];
        at += 1;
    }
    raw
}

/// Appends an integer in the shortest unsigned form.
#[inline]
pub fn put_uint(out: &mut Vec<u8>, value: u64) {
    match value {
        0..=0x7f => out.push(value as u8),
        0x100..=0xffff => {
            let [high, low] = (value as u16).to_be_bytes();
            out.extend_from_slice(&[0xcd, high, low]);
        }
        _ => {
            encode::write_uint(out, value).expect(INFALLIBLE);
        }
    }
}

/// Appends an integer. Go's signed fields go out in unsigned forms where they are positive, as
/// go-msgpack before v2 wrote them; both generations read both.
#[inline]
pub(super) fn put_int(out: &mut Vec<u8>, value: i64) {
    match u64::try_from(value) {
        Ok(value) => put_uint(out, value),
        Err(_) => put_negative(out, value),
    }
}

fn put_negative(out: &mut Vec<u8>, value: i64) {
    encode::write_sint(out, value).expect(INFALLIBLE);
}

pub(super) fn put_f64(out: &mut Vec<u8>, value: f64) {
    encode::write_f64(out, value).expect(INFALLIBLE);
}

pub(super) fn put_bool(out: &mut Vec<u8>, value: bool) {
    encode::write_bool(out, value).expect(INFALLIBLE);
}

/// Lengths come from limits far below 4 GiB; one that does not fit is cut to a value that no
/// receiver accepts, instead of wrapping to one that it would.
#[inline]
fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
