//! From the settings to a node at work.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use futures_lite::future;
use serfer_proto::{Config, ConfigError, ConfigFault, Endpoint, Keyring};
use tracing::{Span, field};

use super::Builder;
use super::addresses::host_name;
use crate::builder::reach::watch;
use crate::discovery::address::HostResolver;
use crate::discovery::join::StartupSeeds;
use crate::discovery::seeds::SeedResolver;
use crate::error::Error;
use crate::files::writer::{self, FilePaths};
use crate::files::{keyring, snapshot};
use crate::handle::serfer::Serfer;
use crate::node::driver::{self, Driver};
use crate::node::shared::{Shared, ShutdownOnDrop};
use crate::node::sockets::NodeSockets;
use crate::node::tasks::{self, Tasks};
use crate::node::thread::{self, NodeEnd};
use crate::options::Options;
use crate::runtime::Runtime;

/// How many events a reader may fall behind at most.
const EVENT_BUFFER_MAX: usize = 65_536;

impl<R: Runtime> Builder<R> {
    /// Starts the node, on a thread of its own, and joins if there are seeds. If the future is dropped before
    /// it is done, the node is dropped as well.
    ///
    /// # Errors
    /// If a setting or a file is wrong, an address cannot be bound, or the seeds cannot be joined as the
    /// [policy](Self::join_policy) demands. Nothing is left running then.
    pub async fn start(self) -> Result<Serfer, Error> {
        // The name of a node that is named after its machine depends on its port.
        let name = (!self.options.named_after_host).then(|| self.config.name());
        let span = tasks::span(name);
        let application = self.runtime.clone();
        thread::start(application, span, move |own, tasks, end| {
            Self { runtime: own, ..self }.start_on_thread(tasks, end)
        })
        .await
    }

    /// Starts the node on its own thread, with the runtime of that thread.
    async fn start_on_thread(mut self, tasks: Tasks, end: NodeEnd) -> Result<Serfer, Error> {
        if let Some(router) = &self.router {
            router.check()?;
        }
        check_event_buffer(self.options.event_buffer)?;
        self.recover().await?;
        let keyring_to_create = self.load_keyring().await?;
        let resolver = host_resolver(self.runtime.clone());
        let sockets = self.bind_sockets(&resolver).await?;
        let advertised = self.advertised(&resolver, &sockets).await?;
        let Self { runtime, config, options, router } = self;
        let config = config.advertise(advertised.addr);
        let NodeSockets { udp, listener, bound, heard, receive_buffer } = sockets;
        let mut endpoint = new_endpoint(config, &options, &tasks.span, bound, runtime.now())?;
        endpoint.note_receive_buffer(receive_buffer);
        let take_over = |source| Error::System { what: "waiting for sockets", source };
        let udp = runtime.udp(udp).map_err(take_over)?;
        let listener = runtime.listener(listener).map_err(take_over)?;
        if let Some((path, ring)) = keyring_to_create {
            runtime.unblock(move || keyring::create(&path, &ring)).await?;
        }
        let clock = runtime.clone();
        let shared = Arc::new(Shared::new(endpoint, tasks, move || clock.now()));
        // Before the driver, so that the router gets everything from the start.
        if let Some(router) = router {
            router.start(options.event_buffer, &shared);
        }
        let driver = Driver::new(runtime.clone(), udp, bound, shared.clone());
        spawn_tasks(&shared, driver, listener, &options);
        if watch::is_worth_it(advertised.addr.ip()) {
            let watch = watch::watch(runtime.clone(), shared.clone(), advertised, heard);
            shared.tasks.spawn(watch);
        }
        let resolver = SeedResolver::new(runtime.clone(), resolver, options.dns_servers);
        let resolver = Arc::new(resolver);
        let event_buffer = options.event_buffer;
        let serfer = Serfer::new(shared.clone(), resolver.clone(), end, bound, event_buffer);
        if !options.join.is_empty() {
            let (seeds, replay) = (options.join, options.replay);
            let seeds = StartupSeeds { runtime, shared: shared.clone(), resolver, seeds, replay };
            if let Err(error) = seeds.join_at_start(options.join_policy).await {
                shared.close("it could not join");
                return Err(error.into());
            }
            shared.tasks.spawn(seeds.rejoin_when_alone());
        }
        // This fails if the runtime of the handlers has ended meanwhile.
        shared.input(|_, _| ())?;
        Ok(serfer)
    }

    /// Starts the node and waits until all of it has ended. As nobody has a handle, it ends only when it
    /// loses its name to another node, or when the runtime of its handlers ends. To leave in good order when
    /// the program ends, use [`run_until`](Self::run_until).
    ///
    /// # Errors
    /// As [`start`](Self::start), and [`Error::ShutDown`] with the reason.
    pub async fn run(self) -> Result<(), Error> {
        self.run_until(future::pending::<()>()).await
    }

    /// Starts the node, lets it run until `until` is done, then leaves in good order and shuts down. The
    /// output of `until` is ignored. If it is done before the node has started, nothing is left running
    /// either.
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
        let given_up = async {
            until.as_mut().await;
            None
        };
        let starting = async { Some(self.start().await) };
        let Some(started) = future::or(given_up, starting).await else {
            return Ok(());
        };
        let serfer = started?;
        future::or(until, serfer.wait()).await;
        // If it cannot leave, it is shut down. The reason is returned in the end.
        let _ = serfer.leave().await;
        serfer.shutdown().await;
        serfer.check_shutdown_reason()
    }

    /// Reads the snapshot, if one is kept.
    async fn recover(&mut self) -> Result<(), Error> {
        if let Some(path) = &self.options.snapshot {
            let recovered =
                snapshot::recover(&self.runtime, path, self.options.after_leave).await?;
            self.config = self.config.clone().recovered(recovered);
        }
        Ok(())
    }

    /// Reads the keyring file. If there is none yet, returns its path and the keys to create it with.
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
}

/// Starts the tasks that the node cannot live without. One of them does nothing on the runtime of the
/// application: it shuts the node down when that runtime ends.
fn spawn_tasks<R: Runtime>(
    shared: &Arc<Shared>,
    driver: Driver<R>,
    listener: R::Listener,
    options: &Options,
) {
    let (runtime, tasks) = (driver.runtime.clone(), &shared.tasks);
    let vital = || ShutdownOnDrop(shared.clone());
    tasks.spawn(vital().during(driver.run()));
    tasks.spawn_outside(vital().during(future::pending()));
    let paths =
        FilePaths { snapshot: options.snapshot.clone(), keyring: options.keyring_file.clone() };
    let writer = writer::run(runtime.clone(), shared.clone(), paths);
    #[cfg(feature = "metrics")]
    let writer = crate::node::metrics::export_beside(shared, options.metric_names.clone(), writer);
    tasks.spawn_finishing(vital().during(writer));
    tasks.spawn(vital().during(driver::accept(runtime, listener, shared.clone())));
}

/// Makes the endpoint of a node that is bound there.
fn new_endpoint(
    mut config: Config,
    options: &Options,
    span: &Span,
    bound: SocketAddr,
    now: Instant,
) -> Result<Endpoint, Error> {
    if options.named_after_host {
        config = config.named(host_name(bound.port())?);
        span.record("node", field::display(config.name()));
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| Error::System { what: "randomness", source: error.into() })?;
    let keys = config.keys().map_or(0, |ring| ring.keys().count());
    let (seeds, advertise) = (options.join.len(), config.advertised().unwrap_or(bound));
    tracing::info!(target: "serfer::runtime", %bound, %advertise, keys, seeds, "node starts");
    Ok(Endpoint::new(config, seed, now)?)
}

/// Refuses a buffer that is too large: each reader may fill all of it.
fn check_event_buffer(events: usize) -> Result<(), ConfigError> {
    if (1..=EVENT_BUFFER_MAX).contains(&events) {
        return Ok(());
    }
    let [value, max] = [events as u64, EVENT_BUFFER_MAX as u64];
    let fault = ConfigFault::Range { setting: "event buffer", value, min: 1, max };
    Err(ConfigError { faults: vec![fault] })
}

fn host_resolver<R: Runtime>(runtime: R) -> HostResolver {
    Box::new(move |host, port| {
        let runtime = runtime.clone();
        Box::pin(async move { runtime.resolve(&host, port).await })
    })
}
