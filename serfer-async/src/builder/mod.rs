//! Starting a node.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use futures_lite::future;
use serfer_proto::{
    AfterLeave, Config, ConfigError, ConfigFault, Endpoint, Keyring, Replay, SecretKey,
    SecretKeyError, TagsError,
};
use tracing::field;

use crate::discovery::address::{Address, DEFAULT_PORT, Resolver, to_advertise};
use crate::discovery::join::{JoinPolicy, Seeds};
use crate::discovery::seeds::Finder;
use crate::error::Error;
use crate::files::keyring;
use crate::files::snapshot;
use crate::files::writer::{self, Files};
use crate::handle::events::Subscribers;
use crate::handle::serfer::Serfer;
use crate::node::driver::{self, Driver};
use crate::node::shared::{Shared, Vital};
use crate::node::tasks::{self, Tasks};
use crate::node::thread::{self, Over};
use crate::options::Options;
use crate::router::Router;
use crate::runtime::Runtime;

/// How many events a reader may fall behind at most.
const EVENT_BUFFER_MAX: usize = 65_536;

/// How many ports are tried when the default one is taken.
const PORTS_TRIED: u16 = 1000;

/// A node that has not started yet. An adapter's `builder` function makes one.
#[must_use = "a builder does nothing until it is started"]
pub struct Builder<R> {
    runtime: R,
    config: Config,
    options: Options,
    router: Option<Router>,
}

impl<R: Runtime> Builder<R> {
    /// Starts from the settings of the core.
    pub fn new(runtime: R, config: Config) -> Self {
        Self { runtime, config, options: Options::default(), router: None }
    }

    /// Sets everything that the functions below set, except the router and the keys.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Listens on this address: `HOST` or `HOST:PORT`. By default `0.0.0.0`: on all IPv4 addresses of this
    /// machine.
    ///
    /// Without a port, it is 7946 or, if that is taken, the next that is free. A port that is given must be
    /// free; port 0 is any free one.
    pub fn bind(mut self, addr: impl Into<String>) -> Self {
        self.options.bind = addr.into();
        self
    }

    /// Tells others to reach us at this address: `HOST` or `HOST:PORT`. By default it is the one of the
    /// configuration, else the one that is bound; if that is all addresses, it is one of this machine's,
    /// a private one if there is any.
    pub fn advertise(mut self, addr: impl Into<String>) -> Self {
        self.options.advertise = Some(addr.into());
        self
    }

    /// Names the node after this machine, whatever name the configuration has: `host`, or `host-7947` if its
    /// port is not 7946.
    pub fn named_after_host(mut self) -> Self {
        self.options.named_after_host = true;
        self
    }

    /// The settings of the core, as they are so far.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Changes the settings of the core, where you are given a builder that somebody else made.
    pub fn configure(mut self, change: impl FnOnce(Config) -> Config) -> Self {
        self.config = change(self.config);
        self
    }

    /// Adds a tag to the configuration's, or replaces it.
    ///
    /// # Errors
    /// If the tags would take up more than 512 encoded bytes.
    pub fn tag(
        mut self,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, TagsError> {
        self.config = self.config.tag(key, value)?;
        Ok(self)
    }

    /// Adds a key, in base64, to the configuration's. The first is the primary, which seals all that
    /// we send; it must be among the keys of every other member.
    ///
    /// # Errors
    /// If it is not base64 of 16, 24 or 32 bytes.
    pub fn key(mut self, key: &str) -> Result<Self, SecretKeyError> {
        let key = SecretKey::from_base64(key)?;
        let keyring = match self.config.keys() {
            Some(keyring) => keyring.clone().with(key),
            None => Keyring::new(key),
        };
        self.config = self.config.keyring(keyring);
        Ok(self)
    }

    /// Keeps the keys in this file, as `serf agent -keyring-file` does: a JSON list of keys in base64, the
    /// primary first. The node starts with the keys in the file. If there is no file yet, it is created with
    /// the keys that are given, readable by its owner only. It is rewritten whenever the keys change; if that
    /// fails, [`Event::StoreFailed`](serfer_proto::Event::StoreFailed) says so, and the node goes on with the
    /// keys it has.
    ///
    /// As with the agent, the node does not start if other keys are given beside an existing file, which may
    /// have newer ones. So give a first key only as long as there is no file.
    pub fn keyring_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.keyring_file = Some(path.into());
        self
    }

    /// Joins a cluster through any of these seeds before [`start`](Self::start) returns. A seed is
    ///
    /// - `HOST` or `HOST:PORT`, an address or a name;
    /// - `srv+NAME`, the hosts and ports that DNS has for a service: `srv+_serf._tcp.example.com`;
    /// - `file:PATH`, a file with one of these in each line, where `#` starts a comment.
    ///
    /// A node that is alone tries its seeds again, and looks them up again each time. It does so even
    /// without a [seed keeper](Config::seed_keeper), which only knows addresses.
    ///
    /// A seed that is the node itself counts as joined. So all nodes may have the same seeds, and the first of
    /// them starts alone.
    ///
    /// May be called again, to add more seeds.
    pub fn join<S: Into<String>>(mut self, seeds: impl IntoIterator<Item = S>) -> Self {
        self.options.join.extend(seeds.into_iter().map(S::into));
        self
    }

    /// What to do if not all seeds can be reached. By default it is an error if none can.
    pub fn join_policy(mut self, policy: JoinPolicy) -> Self {
        self.options.join_policy = policy;
        self
    }

    /// Asks these name servers about services, instead of those in `/etc/resolv.conf`.
    pub fn dns_servers(mut self, servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.options.dns_servers = servers.into_iter().collect();
        self
    }

    /// Whether user events that were sent before we joined are delivered. By default they are not.
    pub fn replay(mut self, replay: Replay) -> Self {
        self.options.replay = replay;
        self
    }

    /// Handles events. The router gets everything from the start, including that we joined ourselves.
    pub fn router(mut self, router: Router) -> Self {
        self.router = Some(router);
        self
    }

    /// How many events a reader may fall behind before it loses the oldest: 1 to 65,536. Default 1,024.
    pub fn event_buffer(mut self, events: usize) -> Self {
        self.options.event_buffer = events;
        self
    }

    /// Keeps a snapshot in this file, and goes on from what is in it when the node is started again. The
    /// node then rejoins its cluster in the background, through the members it knew;
    /// [`Event::RejoinDone`](serfer_proto::Event::RejoinDone) tells how that went. User events that it had
    /// before are not delivered a second time. Those that it missed are, unless there are also
    /// [seeds](Self::join) and [`replay`](Self::replay) says to skip them. `serf agent` can go on from such
    /// a file, and a node from an agent's.
    ///
    /// No other process may use the file at the same time. If it cannot be written while the node
    /// runs, [`Event::StoreFailed`](serfer_proto::Event::StoreFailed) says so. Go: `SnapshotPath`.
    pub fn snapshot(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.snapshot = Some(path.into());
        self
    }

    /// Whether a node with a [snapshot](Self::snapshot) that left comes back by itself when it is
    /// started again. By default it does not.
    pub fn after_leave(mut self, after_leave: AfterLeave) -> Self {
        self.options.after_leave = after_leave;
        self
    }

    /// The names of user events and queries that become labels of metrics; all other names are counted as
    /// `other`. By default there are none. Without the feature `metrics` this has no effect.
    pub fn metric_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.options.metric_names.extend(names.into_iter().map(S::into));
        self
    }

    /// Starts the node, on a thread of its own, and joins if there are seeds. If the future is dropped before
    /// it is done, so is the node.
    ///
    /// # Errors
    /// If a setting or a file is wrong, an address cannot be bound, or the seeds cannot be joined as the
    /// [policy](Self::join_policy) demands. Nothing is left running then.
    pub async fn start(self) -> Result<Serfer, Error> {
        // What a node that is named after its machine is called depends on its port.
        let name = (!self.options.named_after_host).then(|| self.config.name());
        let span = tasks::span(name);
        let application = self.runtime.clone();
        thread::start(application, span, move |own, tasks, over| {
            Self { runtime: own, ..self }.start_on(tasks, over)
        })
        .await
    }

    /// Starts the node on the thread that is its own, as the runtime is by now.
    async fn start_on(mut self, tasks: Tasks, over: Over) -> Result<Serfer, Error> {
        if let Some(router) = &self.router {
            router.check()?;
        }
        check_event_buffer(self.options.event_buffer)?;
        self.recover().await?;
        let to_create = self.load_keyring().await?;
        let resolver = resolver(self.runtime.clone());
        let (udp, listener, bound) = self.bind_sockets(&resolver).await?;
        let advertise = self.advertised(&resolver, bound).await?;
        let mut config = self.config.advertise(advertise);
        let options = self.options;
        if options.named_after_host {
            config = config.named(host_name(bound.port())?);
            tasks.span.record("node", field::display(config.name()));
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|error| Error::System { what: "randomness", source: error.into() })?;
        let keys = config.keys().map_or(0, |ring| ring.keys().count());
        let seeds = options.join.len();
        tracing::info!(target: "serfer::runtime", %bound, %advertise, keys, seeds, "node starts");
        let endpoint = Endpoint::new(config, seed, self.runtime.now())?;
        if let Some((path, ring)) = to_create {
            self.runtime.unblock(move || keyring::create(&path, &ring)).await?;
        }

        let mut subscribers = Subscribers::default();
        let routed =
            self.router.map(|router| (router, subscribers.subscribe(options.event_buffer)));
        let clock = self.runtime.clone();
        let shared = Arc::new(Shared::new(endpoint, subscribers, tasks, move || clock.now()));
        let driver = Driver { runtime: self.runtime.clone(), udp, bound, shared: shared.clone() };
        shared.tasks.spawn(Vital(shared.clone()).during(driver.run()));
        shared.tasks.spawn_outside(Vital(shared.clone()).during(future::pending()));
        let files = Files { snapshot: options.snapshot, keyring: options.keyring_file };
        let writer = writer::write(self.runtime.clone(), shared.clone(), files);
        #[cfg(feature = "metrics")]
        let writer = crate::node::metrics::export_besides(&shared, options.metric_names, writer);
        shared.tasks.spawn_finishing(Vital(shared.clone()).during(writer));
        let accepting = driver::accept(self.runtime.clone(), listener, shared.clone());
        shared.tasks.spawn(Vital(shared.clone()).during(accepting));
        if let Some((router, events)) = routed {
            router.start(events, options.event_buffer, &shared);
        }
        let finder = Arc::new(Finder::new(self.runtime.clone(), resolver, options.dns_servers));
        let serfer = Serfer::new(shared.clone(), finder.clone(), over, bound, options.event_buffer);
        if !options.join.is_empty() {
            let (runtime, seeds, replay) = (self.runtime, options.join, options.replay);
            let seeds = Seeds { runtime, shared: shared.clone(), finder, seeds, replay };
            if let Err(error) = seeds.join_first(options.join_policy).await {
                shared.close("it could not join");
                return Err(error);
            }
            shared.tasks.spawn(seeds.watch());
        }
        // Unless the runtime of handlers has gone.
        shared.input(|_, _| ())?;
        Ok(serfer)
    }

    /// Starts the node and waits until all of it has ended. As nobody has a handle, that is only when it loses
    /// its name to another node, or with the runtime of its handlers. To leave in good order when the program
    /// ends, use [`run_until`](Self::run_until).
    ///
    /// # Errors
    /// As [`start`](Self::start), and [`Error::ShutDown`] with the reason.
    pub async fn run(self) -> Result<(), Error> {
        self.run_until(future::pending::<()>()).await
    }

    /// Starts the node, lets it run until `until` is done, whatever its output, and then leaves in good order
    /// and shuts down. If `until` is done before the node has started, nothing is left running either.
    ///
    /// ```no_run
    /// # mod tokio { pub mod signal { pub async fn ctrl_c() {} } }
    /// # async fn example<R: serfer_async::Runtime>(
    /// #     builder: serfer_async::Builder<R>,
    /// # ) -> Result<(), serfer_async::Error> {
    /// builder.join(["seed.example"]).run_until(tokio::signal::ctrl_c()).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`start`](Self::start), and [`Error::ShutDown`] if the node shuts itself down meanwhile.
    pub async fn run_until(self, until: impl Future) -> Result<(), Error> {
        let mut until = pin!(async { drop(until.await) });
        let in_vain = async {
            until.as_mut().await;
            None
        };
        let starting = async { Some(self.start().await) };
        let Some(started) = future::or(in_vain, starting).await else {
            return Ok(());
        };
        let serfer = started?;
        future::or(until, serfer.wait()).await;
        // That it cannot leave means that it is shut down; why, is said in the end.
        let _ = serfer.leave().await;
        serfer.shutdown().await;
        serfer.ending()
    }

    /// Takes what the snapshot has, if one is kept.
    async fn recover(&mut self) -> Result<(), Error> {
        if let Some(path) = &self.options.snapshot {
            let recovered =
                snapshot::recover(&self.runtime, path, self.options.after_leave).await?;
            self.config = self.config.clone().recovered(recovered);
        }
        Ok(())
    }

    /// Takes the keys of the keyring file, or tells what to create it with.
    async fn load_keyring(&mut self) -> Result<Option<(PathBuf, Keyring)>, Error> {
        let Some(path) = self.options.keyring_file.clone() else {
            return Ok(None);
        };
        let given = self.config.keys().cloned();
        self.config = self.config.clone().store_keyring();
        let loading = {
            let (path, given) = (path.clone(), given.clone());
            self.runtime.unblock(move || keyring::load(&path, given.as_ref()))
        };
        match loading.await? {
            Some(ring) => {
                self.config = self.config.clone().keyring(ring);
                Ok(None)
            }
            None => Ok(given.map(|ring| (path, ring))),
        }
    }

    /// Binds a listener and a datagram socket to one port.
    async fn bind_sockets(
        &self,
        resolver: &Resolver,
    ) -> Result<(R::Udp, R::Listener, SocketAddr), Error> {
        let address = Address::parse(&self.options.bind)?;
        let addrs = address.resolve(resolver, DEFAULT_PORT).await?;
        let addr = addrs[0];
        let tries = match address.port {
            None => PORTS_TRIED,
            // Any port that is free for one socket may be taken for the other.
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
    async fn advertised(
        &self,
        resolver: &Resolver,
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

impl<R> std::fmt::Debug for Builder<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { runtime: _, config, options, router } = self;
        let mut shown = f.debug_struct("Builder");
        shown.field("config", config).field("options", options).field("router", router);
        shown.finish_non_exhaustive()
    }
}

/// Each reader gets room for so many at once.
fn check_event_buffer(events: usize) -> Result<(), ConfigError> {
    if (1..=EVENT_BUFFER_MAX).contains(&events) {
        return Ok(());
    }
    let [value, max] = [events as u64, EVENT_BUFFER_MAX as u64];
    let fault = ConfigFault::Range { setting: "event buffer", value, min: 1, max };
    Err(ConfigError { faults: vec![fault] })
}

fn resolver<R: Runtime>(runtime: R) -> Resolver {
    Box::new(move |host, port| {
        let runtime = runtime.clone();
        Box::pin(async move { runtime.resolve(&host, port).await })
    })
}

/// The name of a node on this machine: the host's, and the port unless it is the default one.
fn host_name(port: u16) -> Result<String, Error> {
    let host = hostname::get().map_err(|source| Error::System { what: "host name", source })?;
    let host = host.to_string_lossy();
    Ok(match port {
        DEFAULT_PORT => host.into_owned(),
        port => format!("{host}-{port}"),
    })
}

#[cfg(test)]
mod tests {
    use serfer_proto::Recovered;

    use super::*;
    use crate::node::testing::ByHand;

    #[test]
    fn no_key_is_shown_of_a_builder_nor_all_of_its_snapshot() {
        const KEY: &str = "U3VwZXJTZWN1cmVUb2tlbg==";
        let snapshot: String =
            (1..=1000).map(|n| format!("alive: member-{n} 10.0.0.1:{n}\n")).collect();
        let recovered = Recovered::replay(snapshot.as_bytes(), AfterLeave::StayAway);
        let config = Config::lan("web-1").recovered(recovered.expect("it is one"));
        let builder = Builder::new(ByHand::new(), config).key(KEY).expect("a base64 key");
        let shown = format!("{builder:?} {builder:#?}");
        for secret in [KEY, "SuperSecureToken", "[83, 117, 112", "member-1"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
        assert!(shown.contains("web-1") && shown.len() < 10_000, "{}: {shown}", shown.len());
    }
}
