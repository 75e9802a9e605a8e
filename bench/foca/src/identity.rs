//! Who a member is: foca's identities are all that it knows of members.

use bench_common::data::{PORT, ip, meta, name};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    pub ip: [u8; 4],
    pub port: u16,
    name: Box<str>,
    meta: Box<[u8]>,
}

impl Identity {
    pub fn new(member: usize) -> Self {
        Self { ip: ip(member), port: PORT, name: name(member).into(), meta: Box::new(meta(member)) }
    }
}

impl foca::Identity for Identity {
    type Addr = ([u8; 4], u16);

    fn renew(&self) -> Option<Self> {
        None
    }

    fn addr(&self) -> Self::Addr {
        (self.ip, self.port)
    }

    fn win_addr_conflict(&self, _: &Self) -> bool {
        false
    }
}
