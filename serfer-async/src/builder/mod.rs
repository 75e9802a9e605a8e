//! The builder of a node: what is set before it starts, and how it starts.
//!
//! Programs start here. Read in this order: this file (the settings), `start` (from the settings to a node at
//! work), `check` (which settings are wrong), `addresses` (where it listens, and where others reach it), and
//! the room `reach` behind that.

mod addresses;
mod check;
mod reach;
mod start;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serfer_proto::{AfterLeave, Config, Keyring, Replay, SecretKey, SecretKeyError, TagsError};

use crate::discovery::join::JoinPolicy;
use crate::node::thread::{NodeThread, Place};
use crate::options::Options;
use crate::router::Router;
use crate::runtime::Runtime;

/// A node that has not started yet. An adapter's `builder` function makes one.
#[must_use = "a builder does nothing until it is started"]
pub struct Builder<R> {
    runtime: R,
    config: Config,
    options: Options,
    router: Option<Router>,
    place: Place<R>,
}

impl<R: Runtime> Builder<R> {
    /// Starts from the settings of the core.
    pub fn new(runtime: R, config: Config) -> Self {
        let (options, router, place) = (Options::default(), None, Place::OwnThread);
        Self { runtime, config, options, router, place }
    }

    /// Sets everything that the functions below set, except the router and the keys.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Listens on this address: `HOST` or `HOST:PORT`. By default `0.0.0.0`: on all IPv4 addresses of this
    /// machine. `[::]` is all addresses of both families, whatever the system's default (`bindv6only`) is.
    ///
    /// Without a port, it is 7946 or, if that is taken, the next that is free. A port that is given must be
    /// free; port 0 is any free one.
    pub fn bind(mut self, addr: impl Into<String>) -> Self {
        self.options.bind = addr.into();
        self
    }

    /// Tells others to reach us at this address: `HOST` or `HOST:PORT`. By default it is the address of the
    /// configuration or, without one, the address that is bound. If that means all addresses of this machine,
    /// it is the one that the default route uses; the trace says which. It is replaced, and others are told, if
    /// this machine loses it while the node runs: they see the node fail and come back within a few seconds.
    ///
    /// A name may lead to several addresses: one is taken that others can reach and that the node listens to.
    /// If there is none, the node does not start: `127.0.1.1`, for example, which many machines have for their
    /// own name, or IPv6 while an IPv4 address is bound.
    pub fn advertise(mut self, addr: impl Into<String>) -> Self {
        self.options.advertise = Some(addr.into());
        self
    }

    /// Names the node after this machine: `host`, or `host-7947` if its port is not 7946. The name of the
    /// configuration is ignored. A host that is called as any other, `localhost` for one, is refused at the
    /// start: two nodes of one name harm each other.
    pub fn named_after_host(mut self) -> Self {
        self.options.named_after_host = true;
        self
    }

    /// The settings of the core, as they are so far.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Changes the settings of the core, for example of a builder that other code made.
    pub fn configure(mut self, change: impl FnOnce(Config) -> Config) -> Self {
        self.config = change(self.config);
        self
    }

    /// Adds a tag to those of the configuration, or replaces it.
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

    /// Adds a key, in base64, to those of the configuration. The first is the primary key, which seals
    /// everything that we send. It must be among the keys of every other member.
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
    /// the keys that are given, readable by its owner only. It is rewritten whenever the keys change, before
    /// the change is in force; if that fails, the keys stay as they are, whoever asked for the change is told
    /// why, and so is the application, by [`Event::StoreFailed`](serfer_proto::Event::StoreFailed). So a file
    /// that may only be read is a good one, too: the node starts with it, and refuses changes.
    ///
    /// As with the agent, the node does not start if there is a file and other keys than its own are given:
    /// the file may have newer ones. A program that is always started in the same way gives its first key with
    /// [`keyring_file_or_create`](Self::keyring_file_or_create).
    ///
    /// No two nodes may use one file: the second does not start.
    pub fn keyring_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.keyring_file = Some(path.into());
        self
    }

    /// Keeps the keys in this file, as [`keyring_file`](Self::keyring_file) does, and creates it with this first
    /// key, in base64, if it is not there yet. If it is there, its own keys count, whatever the first key is:
    /// so a program can be started again in the same way after the cluster has got another key. A node that has
    /// no file yet is created with the first key: on a new machine, give the one that the cluster has now.
    ///
    /// ```
    /// # fn example<R: serfer_async::Runtime>(
    /// #     builder: serfer_async::Builder<R>,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let key = "U3VwZXJTZWN1cmVUb2tlbg=="; // better from a secret store
    /// let builder = builder.keyring_file_or_create("/var/lib/web/keyring.json", key)?;
    /// # let _ = builder;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the key is not base64 of 16, 24 or 32 bytes.
    pub fn keyring_file_or_create(
        mut self,
        path: impl Into<PathBuf>,
        first_key: &str,
    ) -> Result<Self, SecretKeyError> {
        self.options.first_key = Some(SecretKey::from_base64(first_key)?);
        Ok(self.keyring_file(path))
    }

    /// Joins a cluster through any of these seeds before [`start`](Self::start) returns. A seed is
    ///
    /// - `HOST` or `HOST:PORT`, with an address or a name;
    /// - `srv+NAME`, the hosts and ports that DNS has for a service: `srv+_serf._tcp.example.com`;
    /// - `file:PATH`, a regular file with one of these in each line, where `#` starts a comment.
    ///
    /// All are looked up and dialled side by side, and `start` waits only for as many as the
    /// [policy](Self::join_policy) demands.
    ///
    /// The node looks for others with its seeds as long as it runs, and looks them up again each time, see
    /// [`seed_interval`](Self::seed_interval). So two parts of a cluster that have a seed in common become
    /// one, and a node that is alone finds the others when there are some. This happens even without
    /// [seed retries](Config::seed_keeper), which only know addresses.
    ///
    /// A seed that is the node itself counts as joined. So all nodes may have the same seeds, and the first
    /// of them starts alone.
    ///
    /// May be called again, to add more seeds.
    pub fn join<S: Into<String>>(mut self, seeds: impl IntoIterator<Item = S>) -> Self {
        self.options.join.extend(seeds.into_iter().map(Into::into));
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

    /// How often the seeds are looked up again while the node runs: 10 ms to a day. Default one minute.
    ///
    /// A node that is alone tries its seeds after a twelfth of this, and after longer and longer pauses up to
    /// all of it. In a cluster, about one of the nodes looks the seeds up in this time, and each node at
    /// least once an hour. Addresses at which no member is known are dialled then.
    pub fn seed_interval(mut self, interval: Duration) -> Self {
        self.options.seed_interval = interval;
        self
    }

    /// Whether user events that were sent before we joined are delivered. By default they are not.
    pub fn replay(mut self, replay: Replay) -> Self {
        self.options.replay = replay;
        self
    }

    /// Puts the node on a thread that it shares with others, instead of one of its own: for programs with dozens of
    /// nodes. Each then costs less memory and fewer wake-ups. Its handlers still run on the runtime of the
    /// application, so whatever they do delays no ack. But the nodes of one thread wait for each other: some
    /// milliseconds while one of them compares its members with another node's, if there are many of these; and for
    /// as long as a function in the [`Config`] of one of them, or the `tracing` subscriber, takes.
    ///
    /// A panic ends the node in which it happens, and no other.
    ///
    /// ```
    /// # fn example<R: serfer_async::Runtime>(runtime: R) -> Result<(), Box<dyn std::error::Error>> {
    /// # use serfer_async::{Builder, Config, NodeThread};
    /// let thread = NodeThread::new(&runtime)?;
    /// let builders = (0..100).map(|number| {
    ///     let config = Config::lan(format!("tenant-{number}"));
    ///     Builder::new(runtime.clone(), config).on_thread(&thread)
    /// });
    /// # drop(builders.collect::<Vec<_>>());
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_thread(mut self, thread: &NodeThread<R>) -> Self {
        self.place = Place::SharedThread(thread.clone());
        self
    }

    /// Puts the node on the runtime of the application, which has to have sockets and timers. At the application's
    /// risk: a task that blocks a thread of that runtime, such as a handler, may delay the node's acks, and others
    /// then take it for dead.
    pub fn on_application_runtime(mut self) -> Self {
        self.place = Place::Application;
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

    /// Keeps a snapshot in this file. When the node is started again, it goes on from the snapshot: it
    /// rejoins its cluster in the background, through the members it knew, and
    /// [`Event::RejoinDone`](serfer_proto::Event::RejoinDone) tells how that went. User events that it had
    /// before are not delivered a second time. Those that it missed are, unless there are also
    /// [seeds](Self::join) and [`replay`](Self::replay) says to skip them. A `serf agent` can go on from such
    /// a file, and a node can go on from the file of an agent.
    ///
    /// Whatever can be read in the file is used. Lines that are damaged, as after a loss of power, are skipped
    /// with a warning, and the damaged file is kept beside the new one, as `….damaged`. A file of another kind is
    /// refused.
    ///
    /// No two nodes may use one file: the second does not start. If the file cannot be written,
    /// [`Event::StoreFailed`](serfer_proto::Event::StoreFailed) says so, and the node goes on. A file that
    /// cannot be replaced, such as a mount point, is written in place. Go: `SnapshotPath`.
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
}

impl<R> std::fmt::Debug for Builder<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { runtime: _, config, options, router, place: _ } = self;
        let mut shown = f.debug_struct("Builder");
        shown.field("config", config).field("options", options).field("router", router);
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serfer_proto::Recovered;

    use super::*;
    use crate::node::testing::ManualRuntime;

    #[test]
    fn debug_shows_no_key_of_a_builder_and_not_all_of_its_snapshot() {
        const KEY: &str = "U3VwZXJTZWN1cmVUb2tlbg==";
        let snapshot: String =
            (1..=1000).map(|n| format!("alive: member-{n} 10.0.0.1:{n}\n")).collect();
        let recovered = Recovered::replay(snapshot.as_bytes(), AfterLeave::StayAway);
        let config = Config::lan("web-1").recovered(recovered.expect("it is one"));
        let builder = Builder::new(ManualRuntime::new(), config).key(KEY).expect("a base64 key");
        let shown = format!("{builder:?} {builder:#?}");
        for secret in [KEY, "SuperSecureToken", "[83, 117, 112", "member-1"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
        assert!(shown.contains("web-1") && shown.len() < 10_000, "{}: {shown}", shown.len());
    }
}
