//! Go's LZW encoder, for messages that no fixture holds.
//!
//! `compress/lzw`, least significant bit first, with eight-bit literals, as simple as can be: code by code and
//! bit by bit.

use std::collections::HashMap;

use serfer_proto::wire::msgpack::put_raw;

const CLEAR: u16 = 256;
const END: u16 = 257;
const WIDTH_MIN: u32 = 9;
const CODE_MAX: u16 = 4095;

/// A compression wrapper as Go writes it. The message must not be empty.
pub(crate) fn wrapped(message: &[u8]) -> Vec<u8> {
    let mut out = b"\x09\x82\xa4Algo\x00\xa3Buf".to_vec();
    put_raw(&mut out, &packed(message));
    out
}

fn packed(message: &[u8]) -> Vec<u8> {
    let mut codes = Codes::default();
    let mut table = HashMap::new();
    let (mut last, mut width) = (END, WIDTH_MIN);
    codes.put(CLEAR, width);
    let (&first, rest) = message.split_first().expect("a message has bytes");
    let mut code = u16::from(first);
    for next in rest.iter().copied().map(Some).chain([None]) {
        let pair = (code, next);
        if let Some(known) = table.get(&pair) {
            code = *known;
            continue;
        }
        codes.put(code, width);
        last += 1;
        if last == 1 << width {
            width += 1;
        }
        if last == CODE_MAX {
            codes.put(CLEAR, width);
            table.clear();
            (last, width) = (END, WIDTH_MIN);
        } else {
            table.insert(pair, last);
        }
        code = next.map_or(END, u16::from);
    }
    codes.put(END, width);
    codes.bytes
}

#[derive(Default)]
struct Codes {
    bytes: Vec<u8>,
    bits: usize,
}

impl Codes {
    fn put(&mut self, code: u16, width: u32) {
        for bit in 0..width {
            if self.bits.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let byte = self.bytes.last_mut().expect("one was just pushed");
            *byte |= ((code >> bit & 1) as u8) << (self.bits % 8);
            self.bits += 1;
        }
    }
}
