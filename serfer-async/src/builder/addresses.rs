//! Where a node listens, where others reach it, and what it is called after its machine.

use std::io;
use std::net::{IpAddr, SocketAddr};

use super::Builder;
use crate::discovery::address::{Address, DEFAULT_PORT, HostResolver, to_advertise};
use crate::error::Error;
use crate::runtime::Runtime;

/// How many ports are tried when the default one is taken.
const PORTS_TRIED: u16 = 1000;

impl<R: Runtime> Builder<R> {
    /// Binds a listener and a datagram socket to one port.
    pub(super) async fn bind_sockets(
        &self,
        resolver: &HostResolver,
    ) -> Result<(R::Udp, R::Listener, SocketAddr), Error> {
        let address = Address::parse(&self.options.bind)?;
        let addrs = address.resolve(resolver, DEFAULT_PORT).await?;
        let addr = addrs[0];
        let tries = match address.port {
            None => PORTS_TRIED,
            // A port that is free for TCP may be taken for UDP.
            Some(0) => 10,
            Some(_) => 1,
        };
        let mut tried = addr;
        let mut refusal = None;
        for n in 0..tries {
            if addr.port() != 0 {
                tried.set_port(addr.port().saturating_add(n));
            }
            match self.try_bind(tried).await {
                Ok(bound) => return Ok(bound),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    refusal.get_or_insert(error);
                }
                Err(source) => return Err(Error::Bind { addr: tried, source }),
            }
        }
        let source = refusal.unwrap_or_else(|| io::ErrorKind::AddrInUse.into());
        Err(Error::Bind { addr, source })
    }

    async fn try_bind(&self, addr: SocketAddr) -> io::Result<(R::Udp, R::Listener, SocketAddr)> {
        let (listener, bound) = self.runtime.listen(addr).await?;
        let udp = self.runtime.bind_udp(bound).await?;
        Ok((udp, listener, bound))
    }

    /// Where others reach us.
    pub(super) async fn advertised(
        &self,
        resolver: &HostResolver,
        bound: SocketAddr,
    ) -> Result<SocketAddr, Error> {
        if let Some(advertise) = &self.options.advertise {
            let addrs = Address::parse(advertise)?.resolve(resolver, bound.port()).await?;
            return Ok(addrs[0]);
        }
        if let Some(advertise) = self.config.advertised() {
            return Ok(advertise);
        }
        if !bound.ip().is_unspecified() {
            return Ok(bound);
        }
        let interfaces = if_addrs::get_if_addrs()
            .map_err(|source| Error::System { what: "interfaces", source })?;
        let interfaces: Vec<IpAddr> = interfaces.iter().map(if_addrs::Interface::ip).collect();
        let ip =
            to_advertise(bound.ip(), &interfaces).ok_or(Error::NoAddressToAdvertise { bound })?;
        Ok(SocketAddr::new(ip, bound.port()))
    }
}

/// The name of a node on this machine: the host's, and the port unless it is the default one.
pub(super) fn host_name(port: u16) -> Result<String, Error> {
    let host = hostname::get().map_err(|source| Error::System { what: "host name", source })?;
    named_after(&host.to_string_lossy(), port)
}

/// The name of a node on this host. Names that any host may have are refused: two nodes of one name harm
/// each other.
fn named_after(host: &str, port: u16) -> Result<String, Error> {
    let first = host.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_anybody = matches!(
        first.as_str(),
        "" | "(none)"
            | "localhost"
            | "localhost4"
            | "localhost6"
            | "ip6-localhost"
            | "ip6-loopback"
    );
    if is_anybody {
        return Err(Error::HostName { name: host.to_owned() });
    }
    Ok(match port {
        DEFAULT_PORT => host.to_owned(),
        port => format!("{host}-{port}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_named_after_its_host_and_its_port_unless_it_is_7946() {
        let named = |host, port| named_after(host, port).expect("a name of its own");
        assert_eq!(named("web-1", 7946), "web-1");
        assert_eq!(named("web-1.example.com", 7947), "web-1.example.com-7947");
        assert_eq!(named("localhost-of-ours", 7946), "localhost-of-ours");
    }

    #[test]
    fn a_host_that_is_called_as_any_other_gives_no_name() {
        let anybody =
            ["", "(none)", "localhost", "localhost.localdomain", "LOCALHOST.", "localhost6", ".x"];
        for host in anybody {
            for port in [7946, 7947] {
                let error = named_after(host, port).expect_err(host).to_string();
                assert!(error.starts_with(&format!("this machine is called {host:?}")), "{error}");
                assert!(error.contains("name its node yourself (`Config::lan(name)`)"), "{error}");
            }
        }
    }
}
