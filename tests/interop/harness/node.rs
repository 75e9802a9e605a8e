//! A node of ours, whose handlers record what they are told.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serfer_smol::Smol;
use serfer_tokio::{
    Builder, Coalesce, Coordinate, Event, Member, MemberChange, Prune, QueryParams, Request,
    Router, Serfer, Stats, Tokio, UserEvent,
};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::harness::network::Host;
use crate::harness::peer::{
    Answers, Entry, Heard, Identity, Message, Peer, Question, Roster, answer,
};
use crate::harness::setting::Setting;
use crate::harness::starting;
use crate::harness::wait::SOON;

/// The runtime of all nodes. The tests run on threads of their own and may block.
pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("a runtime can be built")
});

pub(crate) struct Node {
    identity: Identity,
    serf: Serfer,
    notes: Notes,
    host: Option<Rc<Host>>,
}

impl Node {
    /// Starts a node. `build` adds what is special about it.
    ///
    /// # Panics
    /// If it cannot start, or cannot join where `build` says it should.
    #[track_caller]
    pub(crate) fn start(
        identity: Identity,
        setting: &Setting,
        host: Option<Rc<Host>>,
        build: impl FnOnce(Builder<Tokio>) -> Builder<Tokio>,
    ) -> Self {
        let runtime = runtime_at(host.as_deref());
        let _there = host.as_deref().map(Host::enter);
        let _inside = runtime.enter();
        let notes = Notes::default();
        let builder = build(builder(Tokio::current(), &identity, setting, &notes));
        let serf = runtime.block_on(builder.start());
        let serf = serf.unwrap_or_else(|error| panic!("{identity:?} cannot start: {error}"));
        Self { identity, serf, notes, host }
    }

    /// Starts a node on smol that joins through another.
    ///
    /// # Panics
    /// If it cannot start or join.
    #[track_caller]
    pub(crate) fn start_on_smol(identity: Identity, setting: &Setting, seed: &str) -> Self {
        let notes = Notes::default();
        let builder = builder(Smol::global(), &identity, setting, &notes).join([seed]);
        let serf = smol::block_on(builder.start());
        let serf = serf.unwrap_or_else(|error| panic!("{identity:?} cannot start: {error}"));
        Self { identity, serf, notes, host: None }
    }

    /// Joins whoever is at that address.
    pub(crate) fn join(&self, seed: IpAddr) -> Result<(), serfer_tokio::Error> {
        runtime_at(self.host.as_deref()).block_on(self.serf.join([seed.to_string()])).map(drop)
    }

    pub(crate) fn serf(&self) -> &Serfer {
        &self.serf
    }

    /// Waits for a call of the node.
    pub(crate) fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        runtime_at(self.host.as_deref()).block_on(what)
    }

    /// Calls the node, and does not wait for the end of it.
    pub(crate) fn begin<T: Send + 'static>(
        &self,
        what: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        runtime_at(self.host.as_deref()).spawn(what)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.serf.stats()
    }

    pub(crate) fn coordinate_of(&self, name: &str) -> Option<Coordinate> {
        self.serf.coordinate_of(name)
    }

    /// The members that are alive and have a coordinate, the nearest first.
    pub(crate) fn nearest(&self) -> Vec<String> {
        let neighbors = self.serf.nearest(usize::MAX);
        neighbors.iter().map(|neighbor| neighbor.member.name().to_owned()).collect()
    }

    /// Waits until it has shut down by itself, as it does when it loses its name.
    pub(crate) fn ends_by_itself(&self) {
        let ended = RUNTIME.block_on(async { timeout(SOON, self.serf.wait()).await });
        let reason = ended.expect("it is to shut down");
        assert!(matches!(reason, Err(serfer_tokio::Error::ShutDown(_))), "{reason:?}");
        self.identity.is_now("failed");
    }

    /// Shuts down. Then its sockets are closed.
    fn shut_down(&self) {
        let _closing = starting::hold();
        runtime_at(self.host.as_deref()).block_on(self.serf.shutdown());
    }
}

impl Peer for Node {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn roster(&self) -> Roster {
        Roster::of(self.serf.members().iter().map(entry))
    }

    fn heard(&self) -> Vec<Heard> {
        self.notes.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[track_caller]
    fn send(&self, event: &str, payload: &str, coalesce: Coalesce) {
        self.serf.user_event_with(event, payload, coalesce).expect("a small event");
    }

    #[track_caller]
    fn ask(&self, question: &Question<'_>) -> Answers {
        let replies = self.serf.query_with(question.name, question.payload, &params(question));
        let answers =
            runtime_at(self.host.as_deref()).block_on(replies.expect("a small query").collect());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let replies = answers.replies.iter().map(|(from, reply)| (from.to_string(), text(reply)));
        let acks = answers.acks.iter().map(ToString::to_string);
        Answers::new(acks.collect(), replies.collect())
    }

    #[track_caller]
    fn set_tag(&self, key: &str, value: &str) {
        self.identity.is_tagged(key, value);
        self.serf.set_tag(key, value).expect("the tags fit");
    }

    fn untold(&self) -> u64 {
        self.serf.stats().queued as u64
    }

    #[track_caller]
    fn leave(&self) {
        self.identity.is_now("left");
        runtime_at(self.host.as_deref()).block_on(self.serf.leave()).expect("it is not shut down");
        self.shut_down();
    }

    fn kill(&self) {
        self.identity.is_now("failed");
        self.shut_down();
    }

    #[track_caller]
    fn force_leave(&self, name: &str) {
        self.serf.force_leave(name, Prune::No).expect("it is not shut down");
    }

    #[track_caller]
    fn prune(&self, name: &str) {
        self.serf.force_leave(name, Prune::Yes).expect("it is not shut down");
    }
}

/// The builder of all our nodes.
fn builder<R: serfer_tokio::Runtime>(
    runtime: R,
    identity: &Identity,
    setting: &Setting,
    notes: &Notes,
) -> Builder<R> {
    let Entry { name, addr, tags, .. } = identity.entry();
    let config = setting.preset.config(&name).compression(setting.compression);
    let mut config = config.coordinates(setting.coordinates);
    for (key, value) in tags {
        config = config.tag(key, value).expect("the tags fit");
    }
    let builder = Builder::new(runtime, config).bind(addr).router(notes.router(&name));
    let keys = setting.node_keys.iter();
    keys.fold(builder, |builder, key| builder.key(key).expect("a base64 key"))
}

/// A member, as a node of ours lists it.
pub(crate) fn entry(member: &Member) -> Entry {
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    Entry {
        name: member.name().to_owned(),
        addr: member.addr().to_string(),
        status: member.status().to_string(),
        tags: member.tags().iter().map(owned).collect(),
    }
}

/// A query, as a node of ours sends it.
pub(crate) fn params(question: &Question<'_>) -> QueryParams {
    let mut params = QueryParams::new().relay_factor(question.relay_factor);
    if let Some(node) = question.node {
        params = params.node(node);
    }
    if let Some((tag, expr)) = question.tag {
        params = params.tag(tag, expr);
    }
    params
}

/// The runtime of a node at a host.
fn runtime_at(host: Option<&Host>) -> &Runtime {
    host.map_or(&RUNTIME, |host| &host.runtime)
}

/// What the handlers were told, in order.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<Heard>>>);

impl Notes {
    fn add(&self, heard: impl IntoIterator<Item = Heard>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(heard);
    }

    /// A router with handlers for the event `deploy` and the query `status`, and a fallback for the
    /// rest.
    fn router(&self, name: &str) -> Router {
        let (events, queries, rest) = (self.clone(), self.clone(), self.clone());
        let name = name.to_owned();
        let router = Router::new()
            .user_event("deploy", move |event: UserEvent| {
                events.add([Heard::Event(message(&event))]);
                async {}
            })
            .query("status", move |request: Request| {
                let asked = Message {
                    name: request.name.to_string(),
                    payload: String::from_utf8_lossy(&request.payload).into_owned(),
                    ltime: request.id.ltime(),
                };
                let answer = answer(&name, &asked.payload);
                queries.add([Heard::Query(asked)]);
                async { answer }
            })
            .fallback(move |event| {
                if let Event::User(event) = event {
                    rest.add([Heard::Event(message(&event))]);
                }
                async {}
            });
        let changes = [
            MemberChange::Join,
            MemberChange::Leave,
            MemberChange::Failed,
            MemberChange::Update,
            MemberChange::Reap,
        ];
        changes.into_iter().fold(router, |router, change| {
            let notes = self.clone();
            router.member(change, move |event| {
                notes.add(event.members.iter().map(|member| Heard::Member {
                    change: change.to_string(),
                    name: member.name().to_owned(),
                }));
                async {}
            })
        })
    }
}

fn message(event: &UserEvent) -> Message {
    Message {
        name: event.name.to_string(),
        payload: String::from_utf8_lossy(&event.payload).into_owned(),
        ltime: event.ltime,
    }
}
