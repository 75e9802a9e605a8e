//! Every way in which a packet or a stream can be malformed: one row for each.
//!
//! Each row is counted once, for the reason it names. Nothing else comes of it: no answer but a
//! refusal over the stream, no event, no member, and no disproportionate memory. The node goes on.
//! Rows that are marked with an asterisk crash a real agent of some version.

mod packets;
mod streams;

use serfer_proto::{Config, DropReason, Keyring, Label, SecretKey};

use crate::harness::craft::ping;
use crate::harness::solo::Solo;
use crate::harness::support::lan;
use crate::harness::wrap::{sealed, with_label};

/// What is malformed, its bytes, and the reason it is counted for.
type Row = (&'static str, Vec<u8>, DropReason);

const OUR_KEY: [u8; 16] = [1; 16];
const OTHER_KEY: [u8; 16] = [2; 16];

/// What a node requires of others.
#[derive(Clone, Copy, PartialEq)]
enum Requires {
    Nothing,
    Key,
    Label,
    Both,
}

impl Requires {
    fn node(self) -> Solo {
        let mut config: Config = lan(0);
        if matches!(self, Self::Key | Self::Both) {
            config = config.keyring(Keyring::new(SecretKey::new(&OUR_KEY).unwrap()));
        }
        if !self.label().is_empty() {
            config = config.label(Label::new(self.label()).unwrap());
        }
        Solo::new(config)
    }

    fn label(self) -> &'static [u8] {
        match self {
            Self::Nothing | Self::Key => b"",
            Self::Label | Self::Both => b"blue",
        }
    }

    /// A packet as a node with this requirement wants it.
    fn packet(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Nothing | Self::Label => with_label(self.label(), message),
            Self::Key | Self::Both => {
                with_label(self.label(), &sealed(OUR_KEY, self.label(), message))
            }
        }
    }
}

/// What an endpoint allocates once: tables for LZW, rows, and timers.
const MEMORY_MIN: u64 = 256 << 10;

/// The memory that this many bytes may take: buffers grow by doubling.
fn memory_max(bytes: &[u8]) -> u64 {
    MEMORY_MIN + 8 * bytes.len() as u64
}

#[track_caller]
fn is_counted(solo: &Solo, what: &str, reason: DropReason) {
    let stats = solo.node.stats();
    assert_eq!((stats.dropped[reason], stats.dropped.total()), (1, 1), "{what}: {stats:?}");
    assert_eq!(stats.members, 1, "{what}");
}

#[track_caller]
fn goes_on(solo: &mut Solo, requires: Requires, what: &str) {
    solo.sent.clear();
    solo.hear(9, &requires.packet(&ping(0, 1)));
    assert_eq!(solo.sent.len(), 1, "{what}: it answers no more");
    assert_eq!(solo.node.stats().dropped.total(), 1, "{what}");
}
