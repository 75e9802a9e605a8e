//! From the settings to a node at work.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_lite::future;
use serfer_proto::{Config, Endpoint};
use tracing::{Span, field};

use super::Builder;
use super::addresses::host_name;
use crate::builder::reach::watch;
use crate::discovery::address::HostResolver;
use crate::discovery::failure::SeedJoinError;
use crate::discovery::join::StartupSeeds;
use crate::discovery::seed_watch::SeedWatch;
use crate::discovery::seeds::{self, SeedResolver};
use crate::error::Error;
use crate::files::keyring::{self, GivenKeys, KeyringFile};
use crate::files::own_file::OwnFile;
use crate::files::snapshot;
use crate::files::writer::{self, OwnFiles};
use crate::handle::serfer::Serfer;
use crate::node::driver::Driver;
use crate::node::end_cause::EndCause;
use crate::node::shared::{Shared, ShutdownOnDrop};
use crate::node::sockets::NodeSockets;
use crate::node::streams::acceptor;
use crate::node::tasks::{self, Tasks};
use crate::node::thread::{self, NodeEnd, Place};
use crate::options::Options;
use crate::runtime::Runtime;

/// How long a start may go on when the node is told to stop.
const START_LEFT: Duration = Duration::from_millis(500);

impl<R: Runtime> Builder<R> {
    /// Starts the node, by default on a thread of its own, and joins if there are seeds. If the future is dropped before
    /// it is done, the node is dropped as well.
    ///
    /// # Errors
    /// If a setting or a file is wrong, an address cannot be bound, or the seeds cannot be joined as the
    /// [policy](Self::join_policy) demands. Nothing is left running then.
    pub async fn start(mut self) -> Result<Serfer, Error> {
        // The name of a node that is named after its machine depends on its port.
        let name = (!self.options.named_after_host).then(|| self.config.name());
        let span = tasks::span(name);
        let application = self.runtime.clone();
        let place = std::mem::replace(&mut self.place, Place::OwnThread);
        let builder = Box::new(self);
        thread::start(application, place, span, move |own, tasks, end| {
            Self { runtime: own, ..*builder }.start_on_thread(tasks, end)
        })
        .await
    }

    /// Starts the node on its thread, with the runtime of that thread.
    async fn start_on_thread(mut self, tasks: Tasks, end: NodeEnd) -> Result<Serfer, Error> {
        self.check()?;
        let snapshot = self.recover().await?;
        let keyring = self.load_keyring().await?;
        let resolver = host_resolver(self.runtime.clone());
        let sockets = self.bind_sockets(&resolver).await?;
        let advertised = self.advertised(&resolver, &sockets).await?;
        let Self { runtime, config, options, router, place: _ } = self;
        let config = config.advertise(advertised.addr);
        let keeps_seeds = config.keeps_seeds();
        let NodeSockets { udp, listener, bound, heard, receive_buffer } = sockets;
        let mut endpoint = new_endpoint(config, &options, &tasks.span, bound, runtime.now())?;
        endpoint.note_receive_buffer(receive_buffer);
        let take_over = |source| Error::System { what: "waiting for sockets", source };
        let udp = runtime.udp(udp).map_err(take_over)?;
        let listener = runtime.listener(listener).map_err(take_over)?;
        let no_alarm = |source| Error::System { what: "a timer", source };
        let alarm = runtime.alarm().map_err(no_alarm)?;
        let keyring = match keyring {
            Some(file) => {
                let span = Span::current();
                Some(runtime.unblock(move || span.in_scope(|| file.create())).await?)
            }
            None => None,
        };
        let files = OwnFiles { snapshot, keyring };
        let clock = runtime.clone();
        let shared = Arc::new(Shared::new(endpoint, tasks, move || clock.now()));
        // Before the driver, so that the router gets everything from the start.
        if let Some(router) = router {
            router.start(options.event_buffer, &shared);
        }
        let driver = Driver::new(runtime.clone(), udp, alarm, bound, shared.clone());
        spawn_tasks(&shared, driver, listener, files, &options);
        if watch::is_worth_it(advertised.addr.ip()) {
            let watch = watch::watch(runtime.clone(), shared.clone(), advertised, heard);
            shared.tasks.spawn(watch);
        }
        let resolver = SeedResolver::new(runtime, resolver, options.dns_servers.clone());
        let resolver = Arc::new(resolver);
        let event_buffer = options.event_buffer;
        let serfer = Serfer::new(shared.clone(), resolver.clone(), end, bound, event_buffer);
        if let Err(error) = join(&shared, resolver, options, keeps_seeds).await {
            shared.close(EndCause::NotJoined);
            return Err(error.into());
        }
        // This fails if the runtime of the handlers has ended meanwhile.
        shared.input(|_, _| ())?;
        shared.note_start();
        Ok(serfer)
    }

    /// Starts the node and waits until all of it has ended. As nobody has a handle, it ends only when it
    /// loses its name to another node, or when the runtime of its handlers ends. To leave in good order when
    /// the program ends, use [`run_until`](Self::run_until).
    ///
    /// # Errors
    /// As [`start`](Self::start), and as [`Serfer::wait`] with the reason why the node has ended.
    pub async fn run(self) -> Result<(), Error> {
        self.run_until(future::pending::<()>()).await
    }

    /// Starts the node, lets it run until `until` is done, then leaves in good order and shuts down. The
    /// output of `until` is ignored. If it is done before the node has started, the start has half a second
    /// to end, and nothing is left running either.
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
    /// As [`start`](Self::start), and as [`Serfer::wait`] if the node ends by itself meanwhile.
    pub async fn run_until(self, until: impl Future) -> Result<(), Error> {
        let runtime = self.runtime.clone();
        let told_to_stop = AtomicBool::new(false);
        let mut until = pin!(async {
            until.await;
            told_to_stop.store(true, Ordering::Relaxed);
        });
        let given_up = async {
            until.as_mut().await;
            // Others may know it already: then it leaves, so that they do not see it fail.
            runtime.sleep_until(runtime.now() + START_LEFT).await;
            None
        };
        let starting = async { Some(self.start().await) };
        let Some(started) = future::or(given_up, starting).await else {
            return Ok(());
        };
        let serfer = started?;
        if !told_to_stop.load(Ordering::Relaxed) {
            future::or(until, async { drop(serfer.wait().await) }).await;
        }
        // If it cannot leave, it is shut down. The reason is returned in the end.
        let _ = serfer.leave().await;
        serfer.shutdown().await;
        serfer.check_end()
    }

    /// Takes and reads the snapshot, if one is kept.
    async fn recover(&mut self) -> Result<Option<OwnFile>, Error> {
        let Some(path) = &self.options.snapshot else {
            return Ok(None);
        };
        let (own, recovered) =
            snapshot::recover(&self.runtime, path, self.options.after_leave).await?;
        self.config = self.config.clone().recovered(recovered);
        Ok(Some(own))
    }

    /// Takes and reads the keyring file, if one is kept. Without one, a first key is a key like others.
    async fn load_keyring(&mut self) -> Result<Option<KeyringFile>, Error> {
        let given =
            GivenKeys { keys: self.config.keys().cloned(), first: self.options.first_key.clone() };
        let Some(path) = self.options.keyring_file.clone() else {
            if let Some(ring) = given.ring() {
                self.config = self.config.clone().keyring(ring);
            }
            return Ok(None);
        };
        let span = Span::current();
        let loading = move || span.in_scope(|| keyring::load(&path, &given));
        let file = self.runtime.unblock(loading).await?;
        self.config = self.config.clone().store_keyring().keyring(file.ring.clone());
        Ok(Some(file))
    }
}

/// Joins through the seeds, if there are any, and looks for others with them from then on.
async fn join(
    shared: &Arc<Shared>,
    resolver: Arc<SeedResolver>,
    options: Options,
    keeps_seeds: bool,
) -> Result<(), SeedJoinError> {
    let Options { join: seeds, join_policy, replay, seed_interval: interval, .. } = options;
    if !seeds.is_empty() {
        resolver.book.begin_with(seeds::usable(&seeds));
        let (shared, resolver) = (shared.clone(), resolver.clone());
        StartupSeeds { shared, resolver, seeds, replay }.join_at_start(join_policy).await?;
    }
    let watch = SeedWatch { shared: shared.clone(), resolver, replay, interval, keeps_seeds };
    shared.tasks.spawn(watch.run());
    Ok(())
}

/// Starts the tasks that the node cannot live without. One of them does nothing on the runtime of the
/// application: it shuts the node down when that runtime ends.
fn spawn_tasks<R: Runtime>(
    shared: &Arc<Shared>,
    driver: Driver<R>,
    listener: R::Listener,
    files: OwnFiles,
    options: &Options,
) {
    let (runtime, tasks) = (driver.runtime.clone(), &shared.tasks);
    let vital = || ShutdownOnDrop(shared.clone());
    tasks.spawn(vital().during(Box::pin(driver.run())));
    tasks.spawn_outside(vital().during(future::pending()));
    let writer = writer::run(runtime.clone(), shared.clone(), files);
    #[cfg(not(feature = "metrics"))]
    let _ = options;
    #[cfg(feature = "metrics")]
    let writer = crate::node::metrics::export_beside(shared, options.metric_names.clone(), writer);
    tasks.spawn_finishing(vital().during(Box::pin(writer)));
    let acceptor = acceptor::accept(runtime, listener, shared.clone());
    tasks.spawn(vital().during(Box::pin(acceptor)));
}

/// Makes the endpoint of a node that is bound there.
#[inline(never)] // what it needs of the stack would be part of the frame of the whole start
fn new_endpoint(
    mut config: Config,
    options: &Options,
    span: &Span,
    bound: SocketAddr,
    now: Instant,
) -> Result<Box<Endpoint>, Error> {
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
    Ok(Box::new(Endpoint::new(config, seed, now)?))
}

fn host_resolver<R: Runtime>(runtime: R) -> HostResolver {
    Box::new(move |host, port| {
        let runtime = runtime.clone();
        Box::pin(async move { runtime.resolve(&host, port).await })
    })
}
