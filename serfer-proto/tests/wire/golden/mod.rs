//! Bytes that Go printed or sent, against what this crate reads and writes.
//!
//! One row is one fixture: its name, its bytes and what is expected of them. The bytes of
//! [`memberlist`] and [`layers`] were printed by memberlist 0.2.2 with go-msgpack 0.5.5 and by
//! memberlist 0.6 with go-msgpack 2.1.5, those of [`serf`] by serf with either; where a name says
//! so, they were captured from a running `serf agent` of version 0.9.4. The rows that are marked as
//! made by hand, and the tables of what is tolerated and of what is hostile, follow from Go's code.
//!
//! Bytes are written down as hex, with three additions: `'text'` stands for its ASCII codes,
//! `c0*512` for a repetition, and `@file+31` for a file of `tests/data` from byte 31 on.

mod layers;
mod memberlist;
mod serf;
mod wire;

use crate::go_lzw;

use wire::{Refusal, Wire};

const TABLE: &[&[Row]] =
    &[memberlist::ROWS, memberlist::TOLERANCE, serf::ROWS, layers::ROWS, layers::HOSTILE];

type Row = (&'static str, &'static str, Expect);

enum Expect {
    /// The bytes decode to the value, and the value encodes to the bytes.
    Exact(fn() -> Wire),
    /// The bytes decode to the value, but we write it differently, for this reason.
    DecodeOnly(&'static str, fn() -> Wire),
    /// A receiver of this kind does not take the bytes.
    Refused(fn(&[u8]) -> Result<(), Refusal>, Refusal),
}

#[test]
fn every_row() {
    let rows = || TABLE.iter().copied().flatten();
    let failures: Vec<String> = rows()
        .filter_map(|(name, notation, expect)| {
            let outcome = check(bytes(notation).leak(), expect);
            outcome.err().map(|error| format!("{name}: {error}"))
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));

    let mut names: Vec<&str> = rows().map(|(name, ..)| *name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|two| two[0] != two[1]), "a name is used twice");
}

/// The last row of LZW is this test. Go printed only the length, the first sixteen bytes and the
/// CRC-32 of its 27301 bytes.
#[test]
fn lzw_across_a_full_table() {
    let mut x: u32 = 1;
    let noise = std::iter::repeat_with(|| {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (x >> 24) as u8
    });
    let message: &[u8] = noise.take(20_000).collect::<Vec<_>>().leak();
    assert_eq!(crc32fast::hash(message), 0xc714_dd18);

    let wrapped = wire::compressed(Wire::Bytes(message)).encoded().leak();
    let (head, packed) = wrapped.split_at(15);
    assert_eq!(head, bytes("09 82 a4'Algo' 00 a3'Buf' da6aa5"));
    assert_eq!(packed.len(), 27_301);
    assert_eq!(packed[..16], bytes("00797809448b8117638e088c02c2e692"));
    assert_eq!(crc32fast::hash(packed), 0x855d_1260);

    let value = wire::compressed(Wire::Bytes(message));
    assert_eq!(reads_as(&value, wrapped), Ok(()));

    // The table is full with some byte of these. What follows it may be one byte, or nothing.
    for message in (3838..4400).map(|len| &message[..len]) {
        let value = wire::compressed(Wire::Bytes(message));
        let wrapped = go_lzw::wrapped(message).leak();
        assert!(value.encoded() == wrapped, "{} bytes", message.len());
        assert_eq!(reads_as(&value, wrapped), Ok(()));
    }
}

/// The encoder that ours is compared with writes what Go wrote.
#[test]
fn the_encoder_in_place_of_go_s_writes_what_go_wrote() {
    for (message, packed) in
        [("gossip_1400.bin", "da03ed @go_1400.lzw"), ("gossip_100000.bin", "dacb1c @go_100000.lzw")]
    {
        let expected = bytes(&format!("09 82 a4'Algo' 00 a3'Buf' {packed}"));
        assert!(go_lzw::wrapped(&file(message)) == expected, "{message}");
    }
}

fn check(bytes: &'static [u8], expect: &Expect) -> Result<(), String> {
    match expect {
        Expect::Exact(value) => {
            let value = value();
            same("encoded", &hex::encode(value.encoded()), &hex::encode(bytes))?;
            same("decoded", &Wire::decode_like(&value, bytes), &Ok(value))
        }
        Expect::DecodeOnly(why, value) => {
            let value = value();
            reads_as(&value, bytes)?;
            let ours = value.encoded();
            if ours == bytes {
                return Err(format!("it is exact, in spite of \"{why}\""));
            }
            // A compound of no messages is never written.
            if ours.is_empty() {
                return Ok(());
            }
            reads_as(&value, ours.leak())
        }
        Expect::Refused(receive, refusal) => same("received", &receive(bytes), &Err(*refusal)),
    }
}

/// Compares what can be seen of a value: a list of Go's may be nil or empty, and its elements may
/// be encoded differently from ours.
fn reads_as(value: &Wire, bytes: &'static [u8]) -> Result<(), String> {
    let read = Wire::decode_like(value, bytes).map_err(|error| format!("{error:?}"))?;
    same("decoded", &format!("{read:?}"), &format!("{value:?}"))
}

fn same<T, U>(what: &str, actual: &T, expected: &U) -> Result<(), String>
where
    T: PartialEq<U> + std::fmt::Debug,
    U: std::fmt::Debug,
{
    if actual == expected {
        return Ok(());
    }
    Err(format!("{what}\n  {actual:?}\nnot\n  {expected:?}"))
}

fn bytes(notation: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, part) in notation.split('\'').enumerate() {
        if at % 2 == 1 {
            bytes.extend_from_slice(part.as_bytes());
        } else {
            part.split_whitespace().for_each(|token| bytes.extend(token_bytes(token)));
        }
    }
    bytes
}

fn token_bytes(token: &str) -> Vec<u8> {
    if let Some(file_name) = token.strip_prefix('@') {
        let (file_name, skipped) = file_name.split_once('+').unwrap_or((file_name, "0"));
        return file(file_name).split_off(skipped.parse().expect("an offset follows a plus"));
    }
    let (hex, times) = token.split_once('*').unwrap_or((token, "1"));
    let bytes = hex::decode(hex).unwrap_or_else(|error| panic!("{hex}: {error}"));
    bytes.repeat(times.parse().expect("a number follows an asterisk"))
}

fn file(name: &str) -> Vec<u8> {
    let path = format!("{}/data/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
