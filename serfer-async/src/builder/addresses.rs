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
    let host = host.to_string_lossy();
    Ok(match port {
        DEFAULT_PORT => host.into_owned(),
        port => format!("{host}-{port}"),
    })
}
