//! The encoder: writes what Go's `compress/lzw` writes, byte for byte, at any length.
//!
//! Strings of two or more bytes get the codes from 258 on, in the order in which they are first met. A code
//! takes nine bits at first and twelve in the end. When 4095 would be next, all strings are forgotten.

/// Forget all strings.
const CLEAR: u32 = 256;
/// The end.
const END: u32 = 257;
const WIDTH_MIN: u32 = 9;
/// A code that is never given.
const CODE_MAX: u32 = 4095;

/// Decides where strings are kept, not what is written. Whoever does not know it cannot choose messages whose
/// strings all want the same places.
#[derive(Clone, Copy, Default)]
pub(crate) struct LzwKey(pub(crate) u64);

impl std::fmt::Debug for LzwKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LzwKey(..)")
    }
}

/// An odd number with ones and zeros all over.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Compresses messages that come in pieces. How they are cut does not change the output.
pub(in crate::wire) struct Encoder {
    strings: Strings,
    /// The longest known string at the end of what has been pushed; its code is not written yet.
    longest: Option<u32>,
    /// The newest code.
    newest: u32,
    width: u32,
    /// Bits that do not fill four bytes yet, the first one lowest, and how many they are.
    bits: u64,
    bits_len: u32,
}

impl Encoder {
    pub(in crate::wire) fn new(LzwKey(key): LzwKey) -> Self {
        let strings = Strings { slots: Vec::new(), key, shift: 0 };
        Self { strings, longest: None, newest: END, width: WIDTH_MIN, bits: 0, bits_len: 0 }
    }

    /// Starts on a message of `len` bytes, which is not empty.
    pub(in crate::wire) fn begin(&mut self, len: usize) {
        self.strings.make_room(len);
        (self.longest, self.newest, self.width) = (None, END, WIDTH_MIN);
        (self.bits, self.bits_len) = (0, 0);
    }

    /// Takes the next piece, and appends the codes that are certain.
    pub(in crate::wire) fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut bytes = piece.iter().map(|&byte| u32::from(byte));
        let first = self.longest.or_else(|| {
            self.put(CLEAR, out);
            bytes.next()
        });
        let Some(mut longest) = first else {
            return;
        };
        for byte in bytes {
            match self.strings.find(longest, byte) {
                Ok(code) => longest = code,
                Err(free) => {
                    self.put(longest, out);
                    if self.next_code(out) {
                        self.strings.insert(free, longest, byte, self.newest);
                    }
                    longest = byte;
                }
            }
        }
        self.longest = Some(longest);
    }

    /// Appends the rest.
    pub(in crate::wire) fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(longest) = self.longest {
            self.put(longest, out);
            self.next_code(out);
        }
        self.put(END, out);
        let len = self.bits_len.div_ceil(8) as usize;
        out.extend_from_slice(&self.bits.to_le_bytes()[..len]);
    }

    /// Gives the next code. If there is none, everything starts again, and it returns false.
    fn next_code(&mut self, out: &mut Vec<u8>) -> bool {
        self.newest += 1;
        if self.newest == 1 << self.width {
            self.width += 1;
        }
        if self.newest < CODE_MAX {
            return true;
        }
        self.put(CLEAR, out);
        self.strings.clear();
        (self.newest, self.width) = (END, WIDTH_MIN);
        false
    }

    fn put(&mut self, code: u32, out: &mut Vec<u8>) {
        self.bits |= u64::from(code) << self.bits_len;
        self.bits_len += self.width;
        if self.bits_len >= u32::BITS {
            out.extend_from_slice(&(self.bits as u32).to_le_bytes());
            self.bits >>= u32::BITS;
            self.bits_len -= u32::BITS;
        }
    }
}

/// The codes of strings of two or more bytes.
struct Strings {
    /// Where a hash says, or behind: the code of all but the last byte, the last byte, the code of the whole.
    /// 0 is free. At least half of them are.
    slots: Vec<u32>,
    /// What decides about the places.
    key: u64,
    /// How much of a hash is too much for a slot's number.
    shift: u32,
}

/// How many bits a code has at most.
const CODE_BITS: u32 = 12;

impl Strings {
    /// Forgets all, and makes room for those of a message of `len` bytes.
    fn make_room(&mut self, len: usize) {
        let slots = 2 * len.clamp(1, CODE_MAX as usize);
        self.slots.clear();
        self.slots.resize(slots.next_power_of_two(), 0);
        self.shift = u64::BITS - self.slots.len().ilog2();
    }

    /// The code of a string with one more byte; or its place, if it has none.
    #[inline]
    fn find(&self, before: u32, byte: u32) -> Result<u32, usize> {
        let string = before << 8 | byte;
        let mut slot = self.first_slot(string);
        loop {
            slot &= self.slots.len() - 1;
            let found = self.slots[slot];
            if found == 0 {
                return Err(slot);
            }
            if found >> CODE_BITS == string {
                return Ok(found & CODE_MAX);
            }
            slot += 1;
        }
    }

    /// Twice multiplied: after once, with some keys, the strings of one message lie in a few long rows.
    #[inline]
    fn first_slot(&self, string: u32) -> usize {
        let hash = (u64::from(string) ^ self.key).wrapping_mul(GOLDEN);
        let hash = (hash ^ hash >> 32).wrapping_mul(GOLDEN);
        (hash >> self.shift) as usize
    }

    fn insert(&mut self, slot: usize, before: u32, byte: u32, code: u32) {
        debug_assert!(code as usize - 257 <= self.slots.len() / 2, "half of the slots stay free");
        self.slots[slot] = (before << 8 | byte) << CODE_BITS | code;
    }

    fn clear(&mut self) {
        self.slots.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How far the strings of a message lie from where their hashes say, on average.
    fn displacement(key: u64, message: &[u8]) -> f64 {
        let mut encoder = Encoder::new(LzwKey(key));
        encoder.begin(message.len());
        encoder.push(message, &mut Vec::new());
        let Strings { slots, .. } = &encoder.strings;
        let strings = slots.iter().enumerate().filter(|(_, slot)| **slot != 0);
        let distances = strings.map(|(at, slot)| {
            let first = encoder.strings.first_slot(slot >> CODE_BITS);
            (at.wrapping_sub(first) & (slots.len() - 1)) as f64
        });
        distances.sum::<f64>() / f64::from(encoder.newest - END)
    }

    #[test]
    fn strings_lie_where_their_hashes_say_whatever_the_key() {
        let member = |n: u32| format!("Addr\u{a}Incarnation{n}Meta{}Namen{n:06}Port", 7919 * n);
        let regular: String = (0..110).map(member).collect();
        let mut x: u32 = 1;
        let random = (0..4000).map(|_| {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (x >> 24) as u8
        });
        for message in [regular.as_bytes(), &random.collect::<Vec<_>>(), &[0; 4000]] {
            let keys = (0..300).chain((0..300).map(|n: u64| n.wrapping_mul(GOLDEN)));
            let longest = keys.map(|key| displacement(key, message)).fold(0.0, f64::max);
            assert!(longest < 1.5, "{longest}");
        }
    }
}
