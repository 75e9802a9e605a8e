//! Packets by a grammar: parts that hold parts, whole and broken, nested in every way.

use arbitrary::Arbitrary;
use serfer_proto::wire::compound::PARTS_MAX;
use serfer_proto::wire::lzw::Lzw;
use serfer_proto::wire::{checksum, kind, label};

use super::watched::alive;

/// How long a part may get.
const LEN_MAX: usize = 60_000;

/// A part of a packet, or all of it.
#[derive(Arbitrary, Debug)]
pub(super) enum Part {
    Raw(Vec<u8>),
    Alive(u8),
    /// A compression wrapper around so many KiB of the same byte.
    Run(u8, u8),
    /// What begins as a compression wrapper does, and goes on otherwise.
    Wrapper(Vec<u8>),
    Compressed(Box<Self>),
    Compound(Vec<Self>),
    /// A compound of the same part again and again.
    Again(Box<Self>, u8),
    Checked(Box<Self>),
    Labelled(Box<Self>),
    /// Cut short by so many bytes.
    Cut(Box<Self>, u8),
    /// With one byte changed.
    Changed(Box<Self>, u16, u8),
}

impl Part {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Raw(bytes) => out.extend_from_slice(bytes),
            Self::Alive(node) => out = alive(node % 8, 1, b"\xff\x80"),
            Self::Run(kib, byte) => out = compressed(&vec![*byte; usize::from(*kib) << 10]),
            Self::Wrapper(bytes) => out.extend([&[kind::COMPRESS], &**bytes].concat()),
            Self::Compressed(part) => out = compressed(&part.bytes()),
            Self::Compound(parts) => {
                out = compound(&parts.iter().map(Self::bytes).collect::<Vec<_>>());
            }
            Self::Again(part, count) => {
                let part = part.bytes();
                let fit = LEN_MAX / (part.len() + 2);
                out = compound(&vec![part; fit.min(usize::from(*count))]);
            }
            Self::Checked(part) => {
                let checked = checksum::begin(&mut out);
                out.extend(part.bytes());
                checksum::finish(&mut out, checked);
            }
            Self::Labelled(part) => {
                label::put(b"blue", &mut out);
                out.extend(part.bytes());
            }
            Self::Cut(part, by) => {
                out = part.bytes();
                out.truncate(out.len().saturating_sub(usize::from(*by)));
            }
            Self::Changed(part, at, by) => {
                out = part.bytes();
                let at = usize::from(*at) % out.len().max(1);
                out.get_mut(at..).and_then(<[u8]>::first_mut).into_iter().for_each(|it| *it ^= by);
            }
        }
        out.truncate(LEN_MAX);
        out
    }
}

fn compressed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if !message.is_empty() {
        Lzw::default().compress(message, &mut out);
    }
    out
}

/// As many of the parts as fit.
fn compound(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut len = 0;
    let fits = |part: &&Vec<u8>| {
        len += part.len() + 2;
        len < LEN_MAX
    };
    let parts: Vec<&Vec<u8>> = parts.iter().take(2 * PARTS_MAX).take_while(fits).collect();
    let mut out = vec![kind::COMPOUND, parts.len() as u8];
    parts.iter().for_each(|part| out.extend((part.len() as u16).to_be_bytes()));
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}
