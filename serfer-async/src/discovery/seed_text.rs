//! Seeds as people write them.

use std::net::SocketAddr;
use std::path::PathBuf;

use simple_dns::Name;

use super::address::{Address, AddressError, AddressProblem, DEFAULT_PORT};

/// One place to look for members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seed {
    /// An IP address, with or without a port.
    Literal(SocketAddr),
    /// `HOST` or `HOST:PORT` with a name.
    Name(Address),
    /// `srv+NAME`: the hosts and ports that DNS has for a service.
    Service(String),
    /// `file:PATH`: a seed of any other kind in each line.
    File(PathBuf),
}

impl Seed {
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("file:") {
            return Ok(Self::File(path.into()));
        }
        let Some(service) = text.strip_prefix("srv+") else {
            let address = Address::parse(text)?;
            let literal = address.literal(DEFAULT_PORT);
            return Ok(literal.map_or(Self::Name(address), Self::Literal));
        };
        let fail = |problem| Err(AddressError { address: text.to_owned(), problem });
        match Name::new(service) {
            _ if service.trim_matches('.').is_empty() => fail(AddressProblem::NoHost),
            Err(error) => fail(AddressProblem::Name(error.to_string())),
            Ok(_) => Ok(Self::Service(service.to_owned())),
        }
    }
}
