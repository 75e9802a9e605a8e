//! Packets that inflate: whatever stands in them, in whatever order and however deep, they take no more
//! memory than [`Limits::inflated_packet_len`](serfer_proto::Limits::inflated_packet_len).

use std::cell::RefCell;

use allocation_counter::measure;
use serfer_proto::wire::kind;
use serfer_proto::wire::lzw::Lzw;
use serfer_proto::wire::seal::{Cipher, Sealing, Version};
use serfer_proto::{DropReason, Keyring, Limits, SecretKey};

use crate::harness::solo::Solo;
use crate::harness::support::lan;

/// What a packet may inflate to, in the units of the parts below.
const UNIT: usize = 256;
const LIMIT: usize = 100 * UNIT;

const KEY: [u8; 32] = [5; 32];

fn compound(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![kind::COMPOUND, parts.len() as u8];
    parts.iter().for_each(|part| out.extend((part.len() as u16).to_be_bytes()));
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

fn compressed(message: &[u8]) -> Vec<u8> {
    thread_local!(static LZW: RefCell<Lzw> = RefCell::default());
    let mut out = Vec::new();
    LZW.with_borrow_mut(|lzw| lzw.compress(message, &mut out));
    out
}

/// One that fits, a broken one, a bomb, a small one and one that is cut short.
fn parts() -> Vec<Vec<u8>> {
    let zeros = |units: usize| compressed(&vec![0; units * UNIT]);
    let mut cut = zeros(90);
    cut.truncate(cut.len() - 9);
    // The wrapper is whole: it says how long the rest is.
    let header = b"\x09\x82\xa4Algo\x00\xa3Buf\xda\x00\x00".len();
    let len = (cut.len() - header) as u16;
    cut[header - 2..header].copy_from_slice(&len.to_be_bytes());
    vec![zeros(70), b"\x09\xc1".to_vec(), zeros(2000), zeros(1), cut]
}

fn permutations(parts: &[Vec<u8>]) -> Vec<Vec<&[u8]>> {
    let Some((first, rest)) = parts.split_first() else {
        return vec![Vec::new()];
    };
    let with_first = |rest: Vec<_>| {
        let places = 0..=rest.len();
        places.map(move |at| [&rest[..at], &[&**first], &rest[at..]].concat()).collect::<Vec<_>>()
    };
    permutations(rest).into_iter().flat_map(with_first).collect()
}

/// The packet, in one more compound or compression at each level, down to the deepest that is read.
fn nested(packet: Vec<u8>) -> Vec<Vec<u8>> {
    let mut all = vec![packet];
    for depth in 1..9 {
        let inner: &[u8] = &all[depth - 1];
        all.push(match depth % 3 {
            0 => compressed(&compound(&[inner, b"\x09\xc1"])),
            1 => compound(&[inner, b"\x09\xc1", inner]),
            _ => compressed(inner),
        });
    }
    all.retain(|packet| packet.len() < 1 << 16);
    all
}

fn sealed(packet: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let sealing = Sealing::begin(Version::Plain, [1; 12], &mut out);
    out.extend_from_slice(packet);
    sealing.finish(&Cipher::new(&KEY).unwrap(), b"", &mut out);
    out
}

#[test]
fn in_every_order_and_nesting_they_keep_within_the_limit() {
    let parts = parts();
    let packets: Vec<Vec<u8>> =
        permutations(&parts).iter().flat_map(|parts| nested(compound(parts))).collect();
    assert!(packets.len() > 700, "{}", packets.len());
    let limits = Limits { inflated_packet_len: LIMIT, ..Limits::default() };
    let config = || lan(0).limits(limits);
    let keyring = Keyring::new(SecretKey::new(&KEY).unwrap());
    for (mut solo, is_sealed) in
        [(Solo::new(config()), false), (Solo::new(config().keyring(keyring)), true)]
    {
        // The tables of the decoder are made once.
        let warm = compressed(b"\x08");
        solo.hear(1, &if is_sealed { sealed(&warm) } else { warm });
        let mut most = 0;
        for packet in &packets {
            let packet = if is_sealed { sealed(packet) } else { packet.clone() };
            let memory = measure(|| solo.hear(1, &packet));
            // The harness copies the packet.
            most = most.max(memory.bytes_max - packet.len() as u64);
            assert!(memory.bytes_current < 4096, "it keeps {}", memory.bytes_current);
        }
        assert!(most <= LIMIT as u64 / 10, "{most} bytes, besides the room for a packet");
        assert!(solo.dropped(DropReason::Oversized) > 0 && solo.dropped(DropReason::Malformed) > 0);
        assert!(is_sealed || solo.is_well());
    }
}
