//! Addresses as people write them.

use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::node::tasks::BoxFuture;

/// The port of a node unless it says otherwise.
pub const DEFAULT_PORT: u16 = 7946;

/// Looks up a host name. The port becomes that of each address.
pub(crate) type HostResolver =
    Box<dyn Fn(String, u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// An address that does not parse or resolve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("address {address:?} {problem}")]
pub struct AddressError {
    /// The address as it was given.
    pub address: String,
    /// What is wrong with it.
    pub problem: AddressProblem,
}

/// What is wrong with an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressProblem {
    /// It is no URL, but only a host and a port.
    #[error("is a URL: write only its HOST, or HOST:PORT")]
    Url,
    /// There is no host before the port.
    #[error("has no host")]
    NoHost,
    /// What stands before a slash is a node name, which must not be empty.
    #[error("has an empty node name before the slash")]
    NoName,
    /// A port is a number up to 65535.
    #[error("has port {0:?}, which is not a number from 0 to 65535")]
    Port(String),
    /// The brackets of an IPv6 address are not closed.
    #[error("has an unclosed bracket")]
    Bracket,
    /// DNS allows no such name.
    #[error("has a name that DNS does not allow: {0}")]
    Name(String),
    /// The host cannot be looked up.
    #[error("does not resolve: {0}")]
    Unresolved(String),
    /// A name leads to an address of the loopback network only, as a machine's own name often does.
    #[error(
        "leads to {0}, which no other machine reaches; give an IP address, or leave it out to have one chosen"
    )]
    Loopback(IpAddr),
    /// The node does not listen to addresses of this family.
    #[error(
        "is not heard by a node that is bound to {bound}; bind [::] to hear IPv4 and IPv6, or advertise an \
         address of the family that is bound"
    )]
    Unheard {
        /// What is bound.
        bound: SocketAddr,
    },
    /// A link-local address of IPv6 means something only together with a link, which messages do not name.
    #[error(
        "is valid on one link only, and others are not told which; bind [::], or advertise another address"
    )]
    LinkLocal,
}

/// `HOST`, `HOST:PORT`, `[V6]:PORT` or a bare IPv6 address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// As it was given.
    text: String,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
}

impl Address {
    /// Takes an address apart. A node name before a slash is skipped, because Go's serf allows one there.
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        let fail = |problem| Err(AddressError { address: text.to_owned(), problem });
        let rest = match text.split_once('/') {
            Some(("", _)) => return fail(AddressProblem::NoName),
            Some((_scheme, rest)) if rest.starts_with('/') => return fail(AddressProblem::Url),
            Some((_name, rest)) => rest,
            None => text,
        };
        let (host, port) = if let Some(bracketed) = rest.strip_prefix('[') {
            let Some((host, port)) = bracketed.split_once(']') else {
                return fail(AddressProblem::Bracket);
            };
            (host, port.strip_prefix(':').unwrap_or(port))
        } else if rest.matches(':').count() == 1 {
            rest.split_once(':').unwrap_or((rest, ""))
        } else {
            (rest, "")
        };
        if host.is_empty() {
            return fail(AddressProblem::NoHost);
        }
        let port = match port {
            "" => None,
            digits => match digits.parse() {
                Ok(port) => Some(port),
                Err(_) => return fail(AddressProblem::Port(digits.to_owned())),
            },
        };
        Ok(Self { text: text.to_owned(), host: host.to_owned(), port })
    }

    /// The address, if it is no name.
    pub(crate) fn literal(&self, default_port: u16) -> Option<SocketAddr> {
        let ip = self.host.parse().ok()?;
        Some(SocketAddr::new(ip, self.port.unwrap_or(default_port)))
    }

    /// Looks up all its IP addresses. `default_port` is used if it has no port.
    pub(crate) async fn resolve(
        &self,
        resolver: &HostResolver,
        default_port: u16,
    ) -> Result<Vec<SocketAddr>, AddressError> {
        if let Some(addr) = self.literal(default_port) {
            return Ok(vec![addr]);
        }
        let port = self.port.unwrap_or(default_port);
        let problem = match resolver(self.host.clone(), port).await {
            Ok(addrs) if !addrs.is_empty() => return Ok(addrs),
            Ok(_) => AddressProblem::Unresolved("no address".to_owned()),
            Err(error) => AddressProblem::Unresolved(error.to_string()),
        };
        Err(self.refused(problem))
    }

    /// The error that something is wrong with it.
    pub(crate) fn refused(&self, problem: AddressProblem) -> AddressError {
        AddressError { address: self.text.clone(), problem }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use futures_lite::future;

    use super::*;

    fn parsed(text: &str) -> Result<(String, Option<u16>), String> {
        let address = Address::parse(text).map_err(|error| error.to_string())?;
        Ok((address.host, address.port))
    }

    #[test]
    fn addresses_are_read_as_go_s_serf_reads_them() {
        let ok = |host: &str, port| Ok((host.to_owned(), port));
        assert_eq!(parsed("10.0.0.1"), ok("10.0.0.1", None));
        assert_eq!(parsed("10.0.0.1:80"), ok("10.0.0.1", Some(80)));
        assert_eq!(parsed("seed.example:7946"), ok("seed.example", Some(7946)));
        assert_eq!(parsed("::1"), ok("::1", None));
        assert_eq!(parsed("[::1]"), ok("::1", None));
        assert_eq!(parsed("[::1]:80"), ok("::1", Some(80)));
        assert_eq!(parsed("web-1/10.0.0.1:80"), ok("10.0.0.1", Some(80)));
        assert_eq!(parsed("host:"), ok("host", None));
    }

    /// The IP addresses of an address, where `localhost` is the only name that resolves.
    fn resolved(text: &str) -> Result<String, String> {
        let resolver: HostResolver = Box::new(|host, port| {
            Box::pin(async move {
                let addrs = [([127, 0, 0, 1], port).into(), (Ipv6Addr::LOCALHOST, port).into()];
                if host == "localhost" { Ok(addrs.to_vec()) } else { Ok(Vec::new()) }
            })
        });
        let address = Address::parse(text).map_err(|error| error.to_string())?;
        let found = future::block_on(address.resolve(&resolver, DEFAULT_PORT));
        let addrs = found.map_err(|error| error.to_string())?;
        Ok(addrs.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_node_name_before_the_address_changes_nothing() {
        for (text, addrs) in [
            ("localhost", Some("127.0.0.1:7946 [::1]:7946")),
            ("localhost:80", Some("127.0.0.1:80 [::1]:80")),
            ("127.0.0.1", Some("127.0.0.1:7946")),
            ("127.0.0.1:80", Some("127.0.0.1:80")),
            ("::1", Some("[::1]:7946")),
            ("[::1]", Some("[::1]:7946")),
            ("[::1]:80", Some("[::1]:80")),
            ("2001:db8:a0b:12f0::1", Some("[2001:db8:a0b:12f0::1]:7946")),
            (":80", None),
            ("localhost:80000", None),
            ("host.invalid", None),
            ("[localhost]:80", Some("127.0.0.1:80 [::1]:80")),
        ] {
            assert_eq!(resolved(text).ok().as_deref(), addrs, "{text}");
            assert_eq!(resolved(&format!("foo.bar/{text}")).ok().as_deref(), addrs, "{text}");
            assert!(resolved(&format!("/{text}")).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_that_makes_no_sense_is_named_with_what_is_wrong() {
        let error = |text| parsed(text).unwrap_err();
        assert_eq!(error(""), "address \"\" has no host");
        assert_eq!(error(":80"), "address \":80\" has no host");
        assert_eq!(error("/a"), "address \"/a\" has an empty node name before the slash");
        assert_eq!(error("[::1"), "address \"[::1\" has an unclosed bracket");
        assert_eq!(
            error("http://a:80"),
            "address \"http://a:80\" is a URL: write only its HOST, or HOST:PORT"
        );
        assert_eq!(
            error("a:80000"),
            "address \"a:80000\" has port \"80000\", which is not a number from 0 to 65535"
        );
    }
}
