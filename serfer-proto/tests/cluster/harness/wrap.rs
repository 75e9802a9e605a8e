//! The layers around a message, right or wrong.

use serfer_proto::wire::lzw::Lzw;
use serfer_proto::wire::seal::{Cipher, Sealing, Version};
use serfer_proto::wire::stream::put_sealed;
use serfer_proto::wire::{checksum, label};

pub(crate) fn compound(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![7, parts.len() as u8];
    parts.iter().for_each(|part| bytes.extend((part.len() as u16).to_be_bytes()));
    bytes.extend(parts.concat());
    bytes
}

/// The message must not be empty: our encoder writes no empty message.
pub(crate) fn compressed(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Lzw::default().compress(message, &mut bytes);
    bytes
}

pub(crate) fn with_checksum(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let start = checksum::begin(&mut bytes);
    bytes.extend_from_slice(message);
    checksum::finish(&mut bytes, start);
    bytes
}

pub(crate) fn with_label(name: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    label::put(name, &mut bytes);
    bytes.extend_from_slice(rest);
    bytes
}

pub(crate) fn sealed(key: [u8; 16], label: &[u8], message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let sealing = Sealing::begin(Version::Plain, [3; 12], &mut bytes);
    bytes.extend_from_slice(message);
    sealing.finish(&Cipher::new(&key).unwrap(), label, &mut bytes);
    bytes
}

pub(crate) fn sealed_frame(key: [u8; 16], label: &[u8], message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let cipher = Cipher::new(&key).unwrap();
    put_sealed(message, (Version::Plain, [3; 12]), &cipher, label, &mut bytes);
    bytes
}
