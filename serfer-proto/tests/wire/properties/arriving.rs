//! Incoming bytes: encoded values, fixtures and noise, most of them damaged.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serfer_proto::wire::compound::Compound;
use serfer_proto::wire::kind;

use super::values::{coordinate, filter, message, seal, serf_message, stream_message};
use super::{LEN_MAX, compressed, encoded};

pub(crate) fn arriving() -> impl Strategy<Value = Vec<u8>> {
    (sample(), vec(damage(), 0..4)).prop_map(|(mut bytes, damages)| {
        for damage in damages {
            damage.apply(&mut bytes);
        }
        bytes
    })
}

fn sample() -> impl Strategy<Value = Vec<u8>> {
    let packet = message().prop_map(|message| encoded(|out| message.encode(out)));
    let stream = stream_message().prop_map(|message| encoded(|out| message.encode(out)));
    let serf = serf_message().prop_map(|message| encoded(|out| message.encode(out)));
    let filter = filter().prop_map(|filter| encoded(|out| filter.encode(out)));
    let coordinate = coordinate().prop_map(|it| encoded(|out| it.encode_payload(out)));
    let plain = prop_oneof![packet, stream, serf.clone(), filter, coordinate].boxed();
    let fixture = select(vec![
        include_bytes!("../../data/go_compound8.bin").to_vec(),
        include_bytes!("../../data/go_alive.bin").to_vec(),
        include_bytes!("../../data/go_ping.bin").to_vec(),
        include_bytes!("../../data/go_state_1000.bin")[..600].to_vec(),
    ]);
    prop_oneof![
        4 => plain.clone(),
        1 => serf.prop_map(|message| [&[kind::USER], &message[..]].concat()),
        1 => vec(plain.clone(), 2..9).prop_map(|parts| compound(&parts)),
        2 => plain.clone().prop_map(|message| compressed(&message)),
        1 => (seal(), plain.clone()).prop_map(|(seal, message)| seal.packet(&message)),
        1 => (seal(), plain.clone()).prop_map(|(seal, message)| seal.frame(&message, b"")),
        1 => plain.prop_map(|message| [b"\xf4\x04blue", &message[..]].concat()),
        1 => fixture,
        1 => vec(any::<u8>(), 0..300),
    ]
}

#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Remove(Index, Index),
    /// Copies some bytes to another place.
    Splice(Index, Index, Index),
    /// Writes something that looks like a type, a length or a limit.
    Claim(Index, Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    let claims = "00 7f ff 80 8f 90 9f a0 bf c0 c1 c2 d4 d8 c4ff c9ff d080 d18000 daffff \
                  dbffffffff dcffff ddffffffff deffff dfffffffff cfffffffffffffffff \
                  cf7fffffffffffffff d38000000000000000";
    let claims = claims.split(' ').map(|claim| hex::decode(claim).expect("it is hex"));
    let at = any::<Index>;
    prop_oneof![
        (at(), 0..8u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        at().prop_map(Damage::Cut),
        (at(), vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (at(), at()).prop_map(|(from, to)| Damage::Remove(from, to)),
        (at(), at(), at()).prop_map(|(from, to, at)| Damage::Splice(from, to, at)),
        (at(), select(claims.collect::<Vec<_>>())).prop_map(|(at, claim)| Damage::Claim(at, claim)),
    ]
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let len = bytes.len();
        let place = |at: &Index| at.index(len + 1);
        let stretch = |from, to| place(from).min(place(to))..place(from).max(place(to));
        match self {
            Self::Flip(at, bit) => {
                if let Some(byte) = bytes.get_mut(place(at)) {
                    *byte ^= 1u8 << bit;
                }
            }
            Self::Cut(at) => bytes.truncate(place(at)),
            Self::Insert(at, inserted) => {
                bytes.splice(place(at)..place(at), inserted.iter().copied());
            }
            Self::Remove(from, to) => {
                bytes.drain(stretch(from, to));
            }
            Self::Splice(from, to, at) => {
                let copied = bytes[stretch(from, to)].to_vec();
                bytes.splice(place(at)..place(at), copied);
            }
            Self::Claim(at, claim) => {
                let end = len.min(place(at) + claim.len());
                bytes.splice(place(at)..end, claim.iter().copied());
            }
        }
    }
}

fn compound(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut compound = Compound::default();
    compound.reset(LEN_MAX);
    for part in parts {
        compound.push(&[part]);
    }
    encoded(|out| compound.write(out))
}
