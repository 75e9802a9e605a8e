//! The frame of a stream ⇄ the message in it, in portions.
//!
//! What [`link`](crate::machinery::link) does to a packet in one go, this does to what may be as long as the
//! state of a large cluster. Counterpart of `readStream` and `rawSendMsgStream` in Go's `net.go`.

use std::ops::Range;

use crate::machinery::link::{Link, Refusal};
use crate::machinery::portion::{Portion, cost};
use crate::machinery::rng::Rng;
use crate::wire::error::DecodeError;
use crate::wire::kind;
use crate::wire::long::lzw::{Deflating, Inflating};
use crate::wire::long::message::LongMessage;
use crate::wire::long::seal::{LongSealing, Unsealing};
use crate::wire::stream::{FrameReader, SEALED_HEADER_LEN, Side, sealed_aad};
use crate::wire::{label, stream};

/// A frame whose message is being opened.
#[derive(Debug)]
pub(crate) struct Opener {
    bytes: Vec<u8>,
    message: Range<usize>,
    inflated_len_max: usize,
    /// Whether its members, if it has any, were decoded when they arrived.
    is_checked: bool,
    stage: OpenerStage,
}

#[derive(Debug)]
enum OpenerStage {
    Sealed(Box<Unsealing>),
    /// In the clear, but it may be compressed.
    Plain,
    Compressed(Box<Inflating>),
    Open,
}

impl Opener {
    /// Starts on a complete frame. `side` is ours.
    pub(crate) fn begin(
        link: &Link,
        side: Side,
        reader: FrameReader,
        inflated_len_max: usize,
    ) -> Result<Self, Refusal> {
        let (bytes, start) = reader.into_frame().ok_or(DecodeError::Truncated)?;
        let label = bytes[..start].get(2..).unwrap_or_default();
        if side == Side::Accepted && *label != *link.expected_label() {
            return Err(Refusal::Label);
        }
        let is_sealed = bytes.get(start) == Some(&kind::ENCRYPT);
        let stage = match link.keyring() {
            None if is_sealed => return Err(Refusal::Sealed),
            Some(_) if !is_sealed && link.is_private() => return Err(Refusal::Plaintext),
            Some(keyring) if is_sealed => {
                let sealed_start = start + SEALED_HEADER_LEN;
                let aad = sealed_aad(&bytes[start..sealed_start], link.label());
                let keys = keyring.key_bytes();
                let unsealing = Unsealing::begin(&bytes, sealed_start, keys, aad);
                OpenerStage::Sealed(Box::new(unsealing.map_err(|_| Refusal::Undecryptable)?))
            }
            _ => OpenerStage::Plain,
        };
        let is_checked = bytes.get(start) == Some(&kind::PUSH_PULL);
        Ok(Self { message: start..bytes.len(), bytes, inflated_len_max, is_checked, stage })
    }

    /// Goes on until the message is open, which it says, or the portion is used up.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(crate) fn step(&mut self, portion: &mut Portion) -> Result<bool, Refusal> {
        while !portion.is_used_up() {
            match &mut self.stage {
                OpenerStage::Sealed(unsealing) => {
                    portion.spend(cost::SEAL);
                    let step = unsealing.step(&mut self.bytes);
                    if let Some(message) = step.map_err(|_| Refusal::Undecryptable)? {
                        self.message = message;
                        self.stage = OpenerStage::Plain;
                    }
                }
                OpenerStage::Plain => self.stage = self.after_sealing()?,
                OpenerStage::Compressed(inflating) => {
                    portion.spend(cost::LZW);
                    if inflating.step(&self.bytes)? {
                        self.bytes = inflating.take();
                        self.message = 0..self.bytes.len();
                        self.stage = OpenerStage::Open;
                    }
                }
                OpenerStage::Open => return Ok(true),
            }
        }
        Ok(false)
    }

    fn after_sealing(&self) -> Result<OpenerStage, DecodeError> {
        if self.message().first() != Some(&kind::COMPRESS) {
            return Ok(OpenerStage::Open);
        }
        let body = self.message.start + 1..self.message.end;
        let inflating = Inflating::begin(&self.bytes, body, self.inflated_len_max)?;
        Ok(OpenerStage::Compressed(Box::new(inflating)))
    }

    /// Whether it is a push/pull whose members are known to be well-formed.
    pub(crate) fn is_checked(&self) -> bool {
        self.is_checked
    }

    /// How much memory it takes.
    pub(crate) fn memory(&self) -> usize {
        let inflated = match &self.stage {
            OpenerStage::Compressed(inflating) => inflating.memory(),
            OpenerStage::Sealed(_) | OpenerStage::Plain | OpenerStage::Open => 0,
        };
        self.bytes.capacity() + inflated
    }

    /// The message, once it is open.
    pub(crate) fn message(&self) -> &[u8] {
        &self.bytes[self.message.clone()]
    }
}

/// A message that is being compressed and sealed.
#[derive(Debug)]
pub(crate) struct Sealer {
    side: Side,
    message: LongMessage,
    stage: SealerStage,
}

#[derive(Debug)]
enum SealerStage {
    Complete,
    Compressing(Box<Deflating>),
    Compressed,
    Sealing(Box<LongSealing>),
    Sealed,
}

impl Sealer {
    /// Starts on a complete message. `side` says who opened the stream.
    pub(crate) fn begin(side: Side, message: LongMessage) -> Self {
        Self { side, message, stage: SealerStage::Complete }
    }

    /// Goes on until the frame is ready, which it returns, or the portion is used up.
    pub(crate) fn step(
        &mut self,
        link: &Link,
        rng: &mut Rng,
        portion: &mut Portion,
    ) -> Option<Vec<u8>> {
        while !portion.is_used_up() {
            match &mut self.stage {
                SealerStage::Complete if link.compresses_streams(self.message.len()) => {
                    let deflating = Deflating::new(link.lzw_key(), self.message.len());
                    self.stage = SealerStage::Compressing(Box::new(deflating));
                }
                SealerStage::Complete => self.stage = SealerStage::Compressed,
                SealerStage::Compressing(deflating) => {
                    portion.spend(cost::LZW);
                    if deflating.step(self.message.as_slice()) {
                        let squeezed = deflating.take();
                        if squeezed.len() < self.message.len() {
                            self.message = squeezed;
                        }
                        self.stage = SealerStage::Compressed;
                    }
                }
                SealerStage::Compressed => self.stage = self.seal(link, rng),
                SealerStage::Sealing(sealing) => {
                    portion.spend(cost::SEAL);
                    if sealing.step(&mut self.message) {
                        self.stage = SealerStage::Sealed;
                    }
                }
                SealerStage::Sealed => return Some(self.frame(link)),
            }
        }
        None
    }

    fn seal(&mut self, link: &Link, rng: &mut Rng) -> SealerStage {
        let Some(key) = link.sealing_key() else {
            return SealerStage::Sealed;
        };
        let how = (link.version(), rng.nonce());
        let (header, aad) =
            (stream::sealed_header, |header: &[u8]| sealed_aad(header, link.label()));
        let sealing = LongSealing::begin(&mut self.message, how, key, header, aad);
        SealerStage::Sealing(Box::new(sealing.expect("a SecretKey has the length of an AES key")))
    }

    fn frame(&mut self, link: &Link) -> Vec<u8> {
        if self.side == Side::Dialled {
            let mut header = Vec::new();
            label::put(link.label(), &mut header);
            self.message.prepend(&header);
        }
        std::mem::take(&mut self.message).into_vec()
    }
}
