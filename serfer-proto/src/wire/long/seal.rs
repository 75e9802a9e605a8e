//! Opens and seals long messages, piece by piece, in place. [`seal`](crate::wire::seal) has the layout.

use std::ops::Range;

use crate::wire::long::gcm::Gcm;
use crate::wire::long::message::LongMessage;
use crate::wire::seal::{HEADER_LEN, Nonce, OpenError, TAG_LEN, Version, unpad};

/// How many bytes a step handles.
pub(crate) const PIECE: usize = 16 << 10;

/// A sealed message that is being opened.
#[derive(Debug)]
pub(crate) struct Unsealing {
    version: Version,
    nonce: Nonce,
    aad: Vec<u8>,
    text: Range<usize>,
    /// The keys that have not been tried, the next one last.
    keys: Vec<Box<[u8]>>,
    gcm: Gcm,
    /// Whether the key fits, so that the text is being decrypted.
    fits: bool,
    /// How much of the text has been authenticated, or decrypted.
    done: usize,
}

impl Unsealing {
    /// Starts on the message that is at the end of `bytes`, from `start` on.
    ///
    /// # Errors
    /// If it is too short, its version is unknown, or there is no key.
    pub(crate) fn begin<'k>(
        bytes: &[u8],
        start: usize,
        keys: impl DoubleEndedIterator<Item = &'k [u8]>,
        aad: Vec<u8>,
    ) -> Result<Self, OpenError> {
        let sealed = &bytes[start..];
        let version = Version::of(sealed)?;
        let nonce = sealed[1..HEADER_LEN].try_into().expect("the header's tail is a nonce");
        let mut keys: Vec<Box<[u8]>> = keys.rev().map(Box::from).collect();
        let gcm = keys.pop().and_then(|key| Gcm::new(&key, nonce, &aad));
        let gcm = gcm.ok_or(OpenError::NoKey)?;
        let text = start + HEADER_LEN..bytes.len() - TAG_LEN;
        Ok(Self { version, nonce, aad, text, keys, gcm, fits: false, done: 0 })
    }

    /// Handles the next [`PIECE`]. Returns where the plaintext is, once all of it is there.
    ///
    /// # Errors
    /// If no key fits. The text is then unchanged.
    pub(crate) fn step(&mut self, bytes: &mut [u8]) -> Result<Option<Range<usize>>, OpenError> {
        let (text, tag) = bytes[self.text.start..].split_at_mut(self.text.len());
        let end = text.len().min(self.done + PIECE);
        let piece = &mut text[self.done..end];
        self.done = end;
        if self.fits {
            self.gcm.apply(piece);
        } else {
            self.gcm.authenticate(piece);
        }
        if self.done < text.len() {
            return Ok(None);
        }
        if !self.fits {
            self.done = 0;
            self.fits = self.gcm.has_tag(tag);
            if !self.fits {
                let next = self.keys.pop().and_then(|key| Gcm::new(&key, self.nonce, &self.aad));
                self.gcm = next.ok_or(OpenError::NoKey)?;
            }
            return Ok(None);
        }
        let len = match self.version {
            Version::Plain => text.len(),
            Version::Padded => unpad(text)?.len(),
        };
        Ok(Some(self.text.start..self.text.start + len))
    }
}

/// A message that is being sealed. Its header is in front of it already.
#[derive(Debug)]
pub(crate) struct LongSealing {
    gcm: Gcm,
    /// How many bytes of the header are not encrypted.
    header_len: usize,
    done: usize,
}

impl LongSealing {
    /// Pads the message and puts the header before it: `frame` with the length of what follows, then the
    /// header of sealed messages. `aad` makes what is authenticated of `frame`. `None` if the length of the
    /// key is wrong.
    pub(crate) fn begin(
        message: &mut LongMessage,
        (version, nonce): (Version, Nonce),
        key: &[u8],
        frame: impl FnOnce(usize) -> Vec<u8>,
        aad: impl FnOnce(&[u8]) -> Vec<u8>,
    ) -> Option<Self> {
        let len = message.len();
        let frame = frame(version.sealed_len(len));
        let gcm = Gcm::new(key, nonce, &aad(&frame))?;
        version.pad(len, message.end());
        message.prepend(&nonce);
        message.prepend(&[version as u8]);
        message.prepend(&frame);
        Some(Self { gcm, header_len: frame.len() + HEADER_LEN, done: 0 })
    }

    /// Handles the next [`PIECE`]; at the end appends the tag and returns true.
    pub(crate) fn step(&mut self, message: &mut LongMessage) -> bool {
        let text = &mut message.as_mut_slice()[self.header_len..];
        let end = text.len().min(self.done + PIECE);
        let piece = &mut text[self.done..end];
        self.gcm.apply(piece);
        self.gcm.authenticate(piece);
        self.done = end;
        let is_done = end == text.len();
        if is_done {
            message.end().extend_from_slice(&self.gcm.tag());
        }
        is_done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::seal::{Cipher, Sealing, open};

    fn in_one_go(version: Version, key: &[u8], text: &[u8], aad: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let sealing = Sealing::begin(version, [7; 12], &mut out);
        out.extend_from_slice(text);
        sealing.finish(&Cipher::new(key).unwrap(), aad, &mut out);
        out
    }

    fn opened(sealed: &[u8], keys: &[&[u8]], aad: &[u8]) -> Result<Vec<u8>, OpenError> {
        let mut bytes = [b"xyz", sealed].concat();
        let mut unsealing = Unsealing::begin(&bytes, 3, keys.iter().copied(), aad.to_vec())?;
        loop {
            match unsealing.step(&mut bytes) {
                Ok(None) => {}
                Ok(Some(text)) => return Ok(bytes[text].to_vec()),
                Err(error) => {
                    assert_eq!(&bytes[3..], sealed, "it is unchanged");
                    return Err(error);
                }
            }
        }
    }

    #[test]
    fn in_pieces_and_in_one_go_the_bytes_are_the_same() {
        for len in [0, 1, 16, 17, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5] {
            let text: Vec<u8> = (0..len).map(|at| (at * 7 % 251) as u8).collect();
            for (version, key_len) in
                [(Version::Plain, 16), (Version::Padded, 24), (Version::Plain, 32)]
            {
                let key = vec![3; key_len];
                let sealed = in_one_go(version, &key, &text, b"aad");
                assert_eq!(opened(&sealed, &[&[9; 16], &key], b"aad"), Ok(text.clone()));

                let mut message = LongMessage::default();
                message.end().extend_from_slice(&text);
                let frame = |len: usize| len.to_be_bytes().to_vec();
                let aad = |_: &[u8]| b"aad".to_vec();
                let with = (version, [7; 12]);
                let mut sealing = LongSealing::begin(&mut message, with, &key, frame, aad).unwrap();
                while !sealing.step(&mut message) {}
                let bytes = message.into_vec();
                assert_eq!(bytes[..8], sealed.len().to_be_bytes());
                assert_eq!(bytes[8..], sealed);
            }
        }
    }

    #[test]
    fn a_long_message_without_its_key_or_with_a_changed_byte_is_refused() {
        let key = [1; 32];
        let sealed = in_one_go(Version::Plain, &key, &vec![5; 2 * PIECE], b"blue");
        assert_eq!(opened(&sealed, &[&[2; 32], &[3; 16]], b"blue"), Err(OpenError::NoKey));
        assert_eq!(opened(&sealed, &[&key], b"red"), Err(OpenError::NoKey));
        assert_eq!(opened(&sealed, &[], b"blue"), Err(OpenError::NoKey));
        for at in [1, 12, 13, PIECE + 100, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(opened(&changed, &[&key], b"blue"), Err(OpenError::NoKey), "byte {at}");
            assert_eq!(
                open(&mut changed, [&Cipher::new(&key).unwrap()], b"blue"),
                Err(OpenError::NoKey)
            );
        }
        assert_eq!(opened(&[], &[&key], b""), Err(OpenError::TooShort(0)));
        assert_eq!(opened(&[1; 28], &[&key], b""), Err(OpenError::TooShort(28)));
        assert_eq!(opened(&[2; 90], &[&key], b""), Err(OpenError::Version(2)));
    }
}
