//! Bytes ⇄ values: everything that is sent over the network, and nothing that happens because of it.
//!
//! There is no time, no state and no knowledge of a peer in here. Every other room may use this one; it
//! uses none. Decoding borrows from its input and allocates nothing; encoding appends to a buffer. Read
//! [`msgpack`], [`seq`] and `body.rs` for how a value is written, [`message`] and [`serf_message`] for
//! which there are, then the layers around them. A packet is built from the inside out and taken apart
//! from the outside in:
//!
//! ```text
//! f4 len label                                    label     which cluster (never set by `serf agent`)
//! └ 00|01 nonce ciphertext tag                    seal      AES-GCM
//!   └ 0c crc32                                    checksum  towards peers of protocol 5
//!     └ 09 { Algo, Buf }                          lzw       if it shrinks
//!       └ 07 count lengths parts                  compound  if there are several messages
//!         └ 00 { Node, SeqNo, … }                 message   memberlist's own
//!           08 …                                            the layer above:
//!           └ 03 { CC, LTime, Name, Payload }     serf_message
//! ```
//!
//! A stream carries one message each way with the same layers in another arrangement: see
//! [`stream`]. Counterparts in Go: memberlist's `net.go`, `security.go`, `label.go`, `util.go`, and
//! serf's `messages.go`.

pub mod checksum;
pub mod compound;
pub mod coordinate;
pub mod error;
pub mod label;
pub mod lzw;
pub mod message;
pub mod msgpack;
pub mod seal;
pub mod seq;
pub mod serf_message;
pub mod stream;

mod body;
pub(crate) mod long;

/// The first byte of a memberlist message, as in Go's `messageType`.
pub mod kind {
    #![expect(missing_docs, reason = "named after the messages and wrappers")]
    pub const PING: u8 = 0;
    pub const INDIRECT_PING: u8 = 1;
    pub const ACK: u8 = 2;
    pub const SUSPECT: u8 = 3;
    pub const ALIVE: u8 = 4;
    pub const DEAD: u8 = 5;
    pub const PUSH_PULL: u8 = 6;
    pub const COMPOUND: u8 = 7;
    pub const USER: u8 = 8;
    pub const COMPRESS: u8 = 9;
    pub const ENCRYPT: u8 = 10;
    pub const NACK: u8 = 11;
    pub const HAS_CRC: u8 = 12;
    pub const ERROR: u8 = 13;
    pub const HAS_LABEL: u8 = 244;
}
