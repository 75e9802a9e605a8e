//! Messages ⇄ packets and streams, with our label, keys and compression.
//!
//! All layers between a message and the network are put on and taken off here, so no runtime ever
//! sees one. A packet is decrypted in place, in the caller's buffer; a message is sealed right into the
//! outbox. Counterpart of `rawSendMsgPacket` and `ingestPacket` in Go's `net.go`. What may be long goes
//! through [`long_frames`](crate::machinery::long_frames).

use crate::api::Keyring;
use crate::config::{Compression, Config, Encryption, InboundLabel};
use crate::machinery::rng::Rng;
use crate::wire::compound::{HEADER_LEN, PART_OVERHEAD};
use crate::wire::error::DecodeError;
use crate::wire::lzw::{Lzw, LzwKey};
use crate::wire::seal::{OpenError, Sealing, Version};
use crate::wire::stream::{SEALED_HEADER_LEN, Side, StreamMessage};
use crate::wire::{checksum, label, seal, stream};

/// Streams shorter than this are not worth compressing.
const COMPRESS_MIN: usize = 1024;

/// Why a packet or a stream could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("its label is not ours")]
    Label,
    #[error("no installed keys could decrypt the message")]
    Undecryptable,
    #[error("encryption is configured but remote state is not encrypted")]
    Plaintext,
    #[error("remote state is encrypted and encryption is not configured")]
    Sealed,
    #[error(transparent)]
    Broken(#[from] DecodeError),
}

impl From<OpenError> for Refusal {
    fn from(error: OpenError) -> Self {
        match error {
            // The first byte is no version of ours, so the message is in the clear.
            OpenError::Version(_) => Self::Plaintext,
            OpenError::TooShort(_) | OpenError::NoKey | OpenError::Padding => Self::Undecryptable,
        }
    }
}

/// Whether a packet carries a checksum. Only peers that announced that they know it get one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checksum {
    Add,
    Omit,
}

/// Whether packets to a node that announces this protocol carry a checksum.
pub(crate) fn checksum_for(protocol_max: u8) -> Checksum {
    if protocol_max >= CHECKSUM_SINCE { Checksum::Add } else { Checksum::Omit }
}

/// The first memberlist protocol whose nodes know checksums.
const CHECKSUM_SINCE: u8 = 5;

#[derive(Debug)]
pub(crate) struct Link {
    label: Box<[u8]>,
    inbound_label: InboundLabel,
    keyring: Option<Keyring>,
    encryption: Encryption,
    /// How a message is sealed.
    version: Version,
    compression: Compression,
    packet_len_max: usize,
    lzw_key: LzwKey,
    /// For packets: its tables are kept.
    lzw: Lzw,
    message: Vec<u8>,
    squeezed: Vec<u8>,
}

impl Link {
    pub(crate) fn new(config: &Config, lzw_key: LzwKey) -> Self {
        let label = config.label.as_ref();
        Self {
            label: label.map(|label| label.as_bytes().into()).unwrap_or_default(),
            inbound_label: config.inbound_label,
            keyring: config.keys.clone(),
            encryption: config.encryption,
            // Only the first protocol pads.
            version: match config.memberlist_protocol {
                1 => Version::Padded,
                _ => Version::Plain,
            },
            compression: config.compression,
            packet_len_max: config.gossip.packet_len_max,
            lzw_key,
            lzw: Lzw::keyed(lzw_key),
            message: Vec::new(),
            squeezed: Vec::new(),
        }
    }

    /// Changes our keys. The change is in force for the next message.
    pub(crate) fn set_keyring(&mut self, ring: Keyring) {
        self.keyring = Some(ring);
    }

    pub(crate) fn keyring(&self) -> Option<&Keyring> {
        self.keyring.as_ref()
    }

    /// Whether nothing is sent or accepted in the clear.
    pub(crate) fn is_private(&self) -> bool {
        self.keyring.is_some() && self.encryption == Encryption::Require
    }

    /// The longest content of a packet that does not exceed the limit.
    pub(crate) fn message_len_max(&self) -> usize {
        let sealing =
            sealing_keys(&self.keyring, self.encryption).map_or(0, |_| self.version.overhead());
        self.packet_len_max - label::overhead(&self.label) - sealing - checksum::OVERHEAD
    }

    /// The label that arriving packets and streams must have.
    pub(crate) fn expected_label(&self) -> &[u8] {
        match self.inbound_label {
            InboundLabel::Check => &self.label,
            InboundLabel::Stripped => &[],
        }
    }

    /// The longest message that can be queued: it has to fit into a compound of its own.
    pub(crate) fn queued_len_max(&self) -> usize {
        self.message_len_max() - HEADER_LEN - PART_OVERHEAD
    }

    /// Appends a packet with the messages that `write` appends.
    pub(crate) fn seal_packet(
        &mut self,
        rng: &mut Rng,
        checksum: Checksum,
        write: impl FnOnce(&mut Vec<u8>),
        out: &mut Vec<u8>,
    ) {
        label::put(&self.label, out);
        let version = self.version;
        let keyring = sealing_keys(&self.keyring, self.encryption);
        let sealing = keyring.map(|_| Sealing::begin(version, rng.nonce(), out));
        let checked = (checksum == Checksum::Add).then(|| checksum::begin(out));
        let start = out.len();
        write(out);
        if self.compression == Compression::StreamsAndPackets {
            self.squeezed.clear();
            self.lzw.compress(&out[start..], &mut self.squeezed);
            if self.squeezed.len() < out.len() - start {
                out.truncate(start);
                out.extend_from_slice(&self.squeezed);
            }
        }
        if let Some(checked) = checked {
            checksum::finish(out, checked);
        }
        if let (Some(sealing), Some(keyring)) = (sealing, keyring) {
            sealing.finish(keyring.primary_cipher(), &self.label, out);
        }
    }

    /// Takes label, encryption and checksum off a packet.
    pub(crate) fn open_packet<'a>(&self, packet: &'a mut [u8]) -> Result<&'a [u8], Refusal> {
        let (label, sealed) = label::split(packet)?;
        if *label != *self.expected_label() {
            return Err(Refusal::Label);
        }
        let plain = match (&self.keyring, self.encryption) {
            (None, _) => sealed,
            (Some(keyring), Encryption::Require) => {
                seal::open(sealed, keyring.ciphers(), &self.label)?
            }
            // A packet that cannot be opened is left untouched; it is taken for one in the clear.
            (Some(keyring), Encryption::Prepare | Encryption::Prefer) => {
                let opened = seal::open(sealed, keyring.ciphers(), &self.label);
                match opened.map(|plain| plain.len()) {
                    Ok(len) => &sealed[seal::HEADER_LEN..][..len],
                    Err(_) => sealed,
                }
            }
        };
        Ok(checksum::strip(plain)?)
    }

    /// Appends a short message for a stream. `side` says who opened the stream.
    pub(crate) fn seal_stream(
        &mut self,
        rng: &mut Rng,
        side: Side,
        message: &StreamMessage<'_>,
        out: &mut Vec<u8>,
    ) {
        if side == Side::Dialled {
            label::put(&self.label, out);
        }
        self.message.clear();
        message.encode(&mut self.message);
        let is_long = self.compresses_streams(self.message.len());
        let mut bytes = &self.message;
        if is_long {
            self.squeezed.clear();
            Lzw::keyed(self.lzw_key).compress(bytes, &mut self.squeezed);
            if self.squeezed.len() < bytes.len() {
                bytes = &self.squeezed;
            }
        }
        let version = self.version;
        match sealing_keys(&self.keyring, self.encryption) {
            Some(keyring) => {
                let cipher = keyring.primary_cipher();
                stream::put_sealed(bytes, (version, rng.nonce()), cipher, &self.label, out);
            }
            None => out.extend_from_slice(bytes),
        }
        self.message.shrink_to(KEEP_BYTES);
        self.squeezed.shrink_to(KEEP_BYTES);
    }

    /// Whether a message of this length is compressed for a stream.
    pub(crate) fn compresses_streams(&self, len: usize) -> bool {
        self.compression != Compression::Off && len > COMPRESS_MIN
    }

    pub(crate) fn lzw_key(&self) -> LzwKey {
        self.lzw_key
    }

    /// The key to seal with, if we seal.
    pub(crate) fn sealing_key(&self) -> Option<&[u8]> {
        sealing_keys(&self.keyring, self.encryption).and_then(|ring| ring.key_bytes().next())
    }

    /// What stands before a message on a stream. `side` says who opened it.
    pub(crate) fn headers_len(&self, side: Side) -> usize {
        let label = if side == Side::Dialled { label::overhead(&self.label) } else { 0 };
        let sealing = self.sealing_key().map_or(0, |_| SEALED_HEADER_LEN + seal::HEADER_LEN);
        label + sealing
    }

    /// How a message is sealed.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    pub(crate) fn label(&self) -> &[u8] {
        &self.label
    }
}

/// The keys to seal with, if we seal.
fn sealing_keys(keyring: &Option<Keyring>, encryption: Encryption) -> Option<&Keyring> {
    keyring.as_ref().filter(|_| encryption != Encryption::Prepare)
}

/// How much memory a scratch buffer keeps after a large message.
const KEEP_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::SecretKey;
    use crate::config::Label;
    use crate::machinery::long_frames::Opener;
    use crate::machinery::portion::Portion;
    use crate::machinery::unpacker::Unpacker;
    use crate::wire::message::Ack;

    fn link(config: Config) -> Link {
        Link::new(&config, LzwKey(1))
    }

    fn config() -> Config {
        Config::lan("a")
    }

    fn keyring(bytes: &[u8]) -> Keyring {
        let mut keys = bytes.iter().map(|&byte| SecretKey::new(&[byte; 32]).unwrap());
        let primary = Keyring::new(keys.next().unwrap());
        keys.fold(primary, Keyring::with)
    }

    fn packet(link: &mut Link, checksum: Checksum) -> Vec<u8> {
        let mut out = Vec::new();
        let write = |out: &mut Vec<u8>| out.extend_from_slice(&b"\x08hello hello hello hello"[..]);
        link.seal_packet(&mut Rng::new([0; 32]), checksum, write, &mut out);
        out
    }

    fn opened(link: &Link, packet: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mut packet = packet.to_vec();
        let plain = link.open_packet(&mut packet)?.to_vec();
        let mut messages = Vec::new();
        Unpacker::new(1 << 20).unpack(&plain, |message| messages.push(message.map(Vec::from)));
        assert_eq!(messages.len(), 1);
        Ok(messages.remove(0)?)
    }

    #[test]
    fn every_combination_of_layers_opens_again() {
        let label = || Label::new("blue").unwrap();
        for config in [
            config(),
            config().label(label()),
            config().keyring(keyring(&[1])),
            config().keyring(keyring(&[1])).label(label()),
        ] {
            for compression in [Compression::Off, Compression::StreamsAndPackets] {
                let mut link = link(config.clone().compression(compression));
                for checksum in [Checksum::Add, Checksum::Omit] {
                    let packet = packet(&mut link, checksum);
                    let expected = b"\x08hello hello hello hello".to_vec();
                    assert_eq!(opened(&link, &packet), Ok(expected));
                }
            }
        }
    }

    #[test]
    fn a_full_packet_is_exactly_as_long_as_allowed() {
        let config = config().keyring(keyring(&[1])).label(Label::new("blue").unwrap());
        let mut link = link(config);
        let mut out = Vec::new();
        let len = link.message_len_max();
        let fill = |out: &mut Vec<u8>| out.resize(out.len() + len, 8);
        link.seal_packet(&mut Rng::new([0; 32]), Checksum::Add, fill, &mut out);
        assert_eq!(out.len(), 1400);
    }

    #[test]
    fn what_cannot_be_opened_says_why() {
        let mut plain = link(config());
        let mut labelled = link(config().label(Label::new("blue").unwrap()));
        let mut keyed = link(config().keyring(keyring(&[1])));
        let mut other_key = link(config().keyring(keyring(&[2])));

        let omit = Checksum::Omit;
        assert_eq!(opened(&plain, &packet(&mut labelled, omit)), Err(Refusal::Label));
        assert_eq!(opened(&labelled, &packet(&mut plain, omit)), Err(Refusal::Label));
        assert_eq!(opened(&keyed, &packet(&mut plain, omit)), Err(Refusal::Plaintext));
        assert_eq!(opened(&keyed, &packet(&mut other_key, omit)), Err(Refusal::Undecryptable));
        assert_eq!(opened(&keyed, b""), Err(Refusal::Undecryptable));
        let mut broken = packet(&mut plain, Checksum::Add);
        broken[8] ^= 1;
        assert_eq!(opened(&plain, &broken), Err(Refusal::Broken(DecodeError::Checksum)));
        let own = packet(&mut other_key, omit);
        assert!(opened(&other_key, &own).is_ok());
        assert!(packet(&mut keyed, omit).len() > packet(&mut plain, omit).len());
    }

    #[test]
    fn a_senders_primary_must_be_in_the_receivers_ring() {
        let primary_a = link(config().keyring(keyring(&[1, 2])));
        let mut primary_b = link(config().keyring(keyring(&[2, 1])));
        let mut only_a = link(config().keyring(keyring(&[1])));
        assert!(opened(&primary_a, &packet(&mut primary_b, Checksum::Omit)).is_ok());
        assert!(opened(&primary_b, &packet(&mut only_a, Checksum::Omit)).is_ok());
        assert_eq!(
            opened(&only_a, &packet(&mut primary_b, Checksum::Omit)),
            Err(Refusal::Undecryptable)
        );
    }

    fn over_stream(from: &mut Link, to: &Link, side: Side) -> Result<Vec<u8>, Refusal> {
        let payload = vec![7; 3000];
        let ack = StreamMessage::Ack(Ack { payload: &payload, seq: 1 });
        let mut bytes = Vec::new();
        from.seal_stream(&mut Rng::new([0; 32]), side, &ack, &mut bytes);
        let side = match side {
            Side::Dialled => Side::Accepted,
            Side::Accepted => Side::Dialled,
        };
        let mut reader = stream::FrameReader::new(side, 1 << 20);
        assert_eq!(reader.push(&bytes), Ok(true));
        let mut opener = Opener::begin(to, side, reader, 1 << 20)?;
        assert!(opener.step(&mut Portion::default())?);
        assert_eq!(StreamMessage::decode(opener.message()), Ok(ack));
        Ok(bytes)
    }

    #[test]
    fn streams_open_again_and_shrink() {
        for config in [
            config(),
            config().keyring(keyring(&[1])),
            config().keyring(keyring(&[1])).label(Label::new("blue").unwrap()),
        ] {
            let config = config.compression(Compression::Streams);
            let mut link = link(config.clone());
            let other = Link::new(&config, LzwKey(2));
            for side in [Side::Dialled, Side::Accepted] {
                let bytes = over_stream(&mut link, &other, side).unwrap();
                assert!(bytes.len() < 1000);
            }
        }
    }

    #[test]
    fn streams_that_cannot_be_opened_say_why() {
        let mut plain = link(config());
        let labelled = link(config().label(Label::new("blue").unwrap()));
        let mut keyed = link(config().keyring(keyring(&[1])));
        let other_key = link(config().keyring(keyring(&[2])));
        let dial = |from: &mut Link, to: &Link| over_stream(from, to, Side::Dialled);
        assert_eq!(dial(&mut plain, &labelled), Err(Refusal::Label));
        assert_eq!(dial(&mut plain, &keyed), Err(Refusal::Plaintext));
        assert_eq!(dial(&mut keyed, &plain), Err(Refusal::Sealed));
        assert_eq!(dial(&mut keyed, &other_key), Err(Refusal::Undecryptable));
    }

    #[test]
    fn a_ring_that_changes_is_in_force_at_once() {
        let [mut a, mut b] = [(); 2].map(|()| link(config().keyring(keyring(&[1]))));
        let green = SecretKey::new(&[2; 32]).unwrap();
        let red = a.keyring().unwrap().primary().clone();
        for link in [&mut a, &mut b] {
            link.keyring.as_mut().unwrap().install(green.clone()).unwrap();
        }
        let before = packet(&mut a, Checksum::Omit);
        a.keyring.as_mut().unwrap().make_primary(&green).unwrap();
        let after = packet(&mut a, Checksum::Omit);
        assert!(opened(&b, &before).is_ok() && opened(&b, &after).is_ok());

        b.keyring.as_mut().unwrap().make_primary(&green).unwrap();
        b.keyring.as_mut().unwrap().remove(&red).unwrap();
        assert_eq!(opened(&b, &before), Err(Refusal::Undecryptable));
        assert!(opened(&b, &after).is_ok());
    }
}
