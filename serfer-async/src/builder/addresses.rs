//! Where a node listens, where others reach it, and what it is called after its machine.

use std::io;
use std::net::SocketAddr;

use super::Builder;
use crate::builder::reach::choice::{Why, choose};
use crate::builder::reach::given::{advertisable, bindable, doubt, is_link_local};
use crate::builder::reach::local::Surroundings;
use crate::builder::reach::watch::Advertised;
use crate::discovery::address::{
    Address, AddressError, AddressProblem, DEFAULT_PORT, HostResolver,
};
use crate::error::Error;
use crate::node::sockets::{self, NodeSockets};
use crate::runtime::Runtime;

/// How many ports are tried when the default one is taken.
const PORTS_TRIED: u16 = 1000;

impl<R: Runtime> Builder<R> {
    /// Binds a listener and a datagram socket to one port.
    pub(super) async fn bind_sockets(&self, resolver: &HostResolver) -> Result<NodeSockets, Error> {
        let address = Address::parse(&self.options.bind)?;
        let addrs = address.resolve(resolver, DEFAULT_PORT).await?;
        let addrs = bindable(&address.host, addrs).map_err(|problem| address.refused(problem))?;
        let is_given = self.options.advertise.is_some() || self.config.advertised().is_some();
        if !is_given && addrs.iter().all(|addr| is_link_local(addr.ip())) {
            return Err(address.refused(AddressProblem::LinkLocal).into());
        }
        let tries = match address.port {
            None => PORTS_TRIED,
            // A port that is free for TCP may be taken for UDP.
            Some(0) => 10,
            Some(_) => 1,
        };
        let mut refusal = None;
        for addr in addrs {
            match bind_port(addr, tries) {
                // Another address of the same name may be of this machine.
                Err(Error::Bind { addr, source }) if source.kind() != io::ErrorKind::AddrInUse => {
                    refusal.get_or_insert(Error::Bind { addr, source });
                }
                done => return done,
            }
        }
        Err(refusal.unwrap_or_else(|| {
            let problem = AddressProblem::Unresolved("no address".to_owned());
            Error::from(address.refused(problem))
        }))
    }

    /// Where others reach us.
    pub(super) async fn advertised(
        &self,
        resolver: &HostResolver,
        sockets: &NodeSockets,
    ) -> Result<Advertised, Error> {
        // It takes a moment, and this thread has nothing else to do yet.
        let around = Surroundings::look();
        let given = self.given(resolver, sockets.bound).await?;
        place(given, sockets.bound, sockets.heard, around)
    }

    /// The address to advertise that the settings give, and what it leads to.
    async fn given(
        &self,
        resolver: &HostResolver,
        bound: SocketAddr,
    ) -> Result<Option<(Address, Vec<SocketAddr>)>, AddressError> {
        let text = match (&self.options.advertise, self.config.advertised()) {
            (Some(text), _) => text.clone(),
            // The core says what is wrong with it.
            (None, Some(addr)) => addr.to_string(),
            (None, None) => return Ok(None),
        };
        let address = Address::parse(&text)?;
        let addrs = address.resolve(resolver, bound.port()).await?;
        Ok(Some((address, addrs)))
    }
}

/// Where others reach a node that is bound there. A system that does not show its interfaces, as one that
/// allows a service only some kinds of sockets, is a reason not to start only if an address has to be chosen.
fn place(
    given: Option<(Address, Vec<SocketAddr>)>,
    bound: SocketAddr,
    heard: sockets::HeardFamilies,
    around: io::Result<Surroundings>,
) -> Result<Advertised, Error> {
    if let Some((address, addrs)) = given {
        let around = around.unwrap_or_default();
        let addr = advertisable(&address.host, addrs, bound, heard, &around)
            .map_err(|problem| address.refused(problem))?;
        if let Some(doubt) = doubt(addr.ip(), bound.ip(), &around) {
            tracing::warn!(target: "serfer::runtime", advertise = %addr, %bound, "{doubt}; others may not reach us");
        }
        return Ok(Advertised { addr, choice: None });
    }
    if !bound.ip().is_unspecified() {
        let addr = SocketAddr::new(bound.ip().to_canonical(), bound.port());
        return Ok(Advertised { addr, choice: None });
    }
    let around = around.map_err(|source| Error::System { what: "interfaces", source })?;
    let Some(choice) = choose(&around, heard) else {
        let any = sockets::HeardFamilies { v4: true, v6: true };
        let unheard = choose(&around, any).map(|choice| choice.ip);
        return Err(Error::NoAddressToAdvertise { bound, unheard });
    };
    match choice.why {
        Why::Guess(_) => {
            tracing::warn!(target: "serfer::runtime", "advertising {choice}");
        }
        Why::DefaultRoute | Why::OnlyOne => {
            tracing::info!(target: "serfer::runtime", "advertising {choice}");
        }
    }
    let addr = SocketAddr::new(choice.ip, bound.port());
    Ok(Advertised { addr, choice: Some(choice) })
}

/// Binds this port, or the first of so many that is free.
fn bind_port(addr: SocketAddr, tries: u16) -> Result<NodeSockets, Error> {
    let mut tried = addr;
    let mut refusal = None;
    for n in 0..tries {
        if addr.port() != 0 {
            tried.set_port(addr.port().saturating_add(n));
        }
        match sockets::bind(tried) {
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
    fn a_system_that_hides_its_interfaces_matters_only_if_an_address_has_to_be_chosen() {
        let hidden = || Err(io::Error::other("address family not supported"));
        let addr = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let placed = |given: Option<&str>, bound: &str| {
            let given = given.map(|it| (Address::parse(it).expect("an address"), vec![addr(it)]));
            let heard = sockets::HeardFamilies::at(addr(bound).ip(), false);
            place(given, addr(bound), heard, hidden()).map(|it| it.addr.to_string())
        };
        assert_eq!(placed(None, "10.0.0.5:7946").ok().as_deref(), Some("10.0.0.5:7946"));
        let given = Some("203.0.113.9:80");
        assert_eq!(placed(given, "0.0.0.0:7946").ok().as_deref(), given);
        let error = placed(None, "0.0.0.0:7946").expect_err("nothing can be chosen");
        assert_eq!(error.to_string(), "interfaces: address family not supported");
    }

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
