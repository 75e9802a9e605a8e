//! The inputs: members with names of 11 bytes, IPv4 addresses and 64 bytes of tags, and what Go sends
//! of them. `go/data.go` makes the same bytes.

pub const PORT: u16 = 7946;
pub const INCARNATION: u32 = 1000;

pub fn name(member: usize) -> String {
    format!("node-{member:06}")
}

pub fn ip(member: usize) -> [u8; 4] {
    let [.., a, b, c] = member.to_be_bytes();
    [10, a, b, c]
}

/// One tag in serf's encoding, a role of 54 letters, other ones for each member.
pub fn meta(member: usize) -> [u8; 64] {
    let mut meta = [0; 64];
    let (head, role) = meta.split_at_mut(10);
    head.copy_from_slice(b"\xff\x81\xa4role\xda\x00\x36");
    let mut number = member as u64;
    for letter in role {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *letter = b"0123456789abcdefghijklmnopqrstuv"[(number >> 59) as usize];
    }
    meta
}

/// memberlist's ping of member 0 by member 1, as Go encodes it: 83 bytes.
pub fn ping(seq: u32) -> Vec<u8> {
    let mut out = vec![0, 0x85];
    text(&mut out, "Node");
    text(&mut out, &name(0));
    text(&mut out, "SeqNo");
    int32(&mut out, seq);
    text(&mut out, "SourceAddr");
    raw(&mut out, &ip(1));
    text(&mut out, "SourceNode");
    text(&mut out, &name(1));
    text(&mut out, "SourcePort");
    int16(&mut out, PORT);
    out
}

/// memberlist's alive message, as Go encodes it: 135 bytes, two more with a high incarnation.
pub fn alive(member: usize, incarnation: u32) -> Vec<u8> {
    let mut out = vec![4, 0x86];
    text(&mut out, "Addr");
    raw(&mut out, &ip(member));
    text(&mut out, "Incarnation");
    match u16::try_from(incarnation) {
        Ok(incarnation) => int16(&mut out, incarnation),
        Err(_) => int32(&mut out, incarnation),
    }
    text(&mut out, "Meta");
    raw(&mut out, &meta(member));
    text(&mut out, "Node");
    text(&mut out, &name(member));
    text(&mut out, "Port");
    int16(&mut out, PORT);
    text(&mut out, "Vsn");
    raw(&mut out, &[1, 5, 2, 2, 5, 4]);
    out
}

/// Messages in one packet.
pub fn compound(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![7, messages.len() as u8];
    for message in messages {
        out.extend_from_slice(&(message.len() as u16).to_be_bytes());
    }
    out.extend(messages.concat());
    out
}

fn text(out: &mut Vec<u8>, text: &str) {
    raw(out, text.as_bytes());
}

/// Bytes in MessagePack before it had a type for them.
fn raw(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        len @ 0..32 => out.push(0xa0 | len as u8),
        len => {
            out.push(0xda);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(bytes);
}

fn int16(out: &mut Vec<u8>, number: u16) {
    out.push(0xcd);
    out.extend_from_slice(&number.to_be_bytes());
}

fn int32(out: &mut Vec<u8>, number: u32) {
    out.push(0xce);
    out.extend_from_slice(&number.to_be_bytes());
}

/// The members 1 to `count` in an order that jumps through memory, again and again.
pub struct Order {
    others: usize,
    turn: usize,
}

impl Order {
    pub fn new(members: usize) -> Self {
        Self { others: members - 1, turn: 0 }
    }
}

impl Iterator for Order {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        // A prime that divides none of 999, 9,999 and 99,999, near the golden section of the largest.
        const STRIDE: usize = 61_813;
        self.turn += 1;
        Some(1 + self.turn * STRIDE % self.others)
    }
}
