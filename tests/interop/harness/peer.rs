//! What an agent and a node of ours have in common.
//!
//! Behaviours are written once, for two [`Peer`]s, and must hold whichever of the two is the agent.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serfer_tokio::Coalesce;

use crate::harness::wait::{PATIENCE, SOON, until};

/// A member of a cluster that tests can drive and ask.
pub(crate) trait Peer {
    /// Its name, address, and how it must be listed.
    fn identity(&self) -> &Identity;

    /// All members that it lists.
    fn roster(&self) -> Roster;

    /// All that its handlers were told, in order.
    fn heard(&self) -> Vec<Heard>;

    /// Sends a user event.
    fn send(&self, event: &str, payload: &str, coalesce: Coalesce);

    /// Sends a query, and waits until the query ends.
    fn ask(&self, question: &Question<'_>) -> Answers;

    /// Sets one of its tags.
    fn set_tag(&self, key: &str, value: &str);

    /// How many messages it still has to gossip.
    fn untold(&self) -> u64;

    /// Leaves the cluster, and ends.
    fn leave(&self);

    /// Ends at once.
    fn kill(&self);

    /// Makes a failed member leave.
    fn force_leave(&self, name: &str);

    /// Prunes a member that is gone: all members forget it.
    fn prune(&self, name: &str);
}

impl dyn Peer + '_ {
    pub(crate) fn name(&self) -> String {
        self.entry().name
    }

    pub(crate) fn ip(&self) -> String {
        self.identity().ip.to_string()
    }

    /// How every member must list it.
    pub(crate) fn entry(&self) -> Entry {
        self.identity().entry()
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.entry().status == "alive"
    }

    /// Waits until it lists another peer as that one is.
    #[track_caller]
    pub(crate) fn lists(&self, other: &dyn Peer, within: Duration) {
        let entry = other.entry();
        until(format_args!("{} lists {entry}", self.name()), within, || {
            let roster = self.roster();
            if roster.has(&entry) { Ok(()) } else { Err(roster) }
        });
    }

    /// Waits until it lists exactly these peers, as they are.
    #[track_caller]
    pub(crate) fn lists_only(&self, peers: &[&dyn Peer], within: Duration) {
        let expected = Roster::of(peers.iter().map(|peer| peer.entry()));
        until(format_args!("{} lists only\n{expected}", self.name()), within, || {
            let roster = self.roster();
            if roster == expected { Ok(()) } else { Err(roster) }
        });
    }

    /// Waits until it has been told about a change of a member.
    #[track_caller]
    pub(crate) fn hears_change(&self, change: &str, member: &str) {
        let wanted = Heard::Member { change: change.to_owned(), name: member.to_owned() };
        let what = format_args!("{} hears {change} of {member}", self.name());
        until(what, SOON, || self.find(|heard| (*heard == wanted).then_some(())));
    }

    /// Waits until it has been told of a user event.
    #[track_caller]
    pub(crate) fn hears_event(&self, event: &str, payload: &str, within: Duration) -> Message {
        let what = format_args!("{} hears event {event:?} with {payload:?}", self.name());
        until(what, within, || {
            self.find(|heard| match heard {
                Heard::Event(message) if message.says(event, payload) => Some(message.clone()),
                _ => None,
            })
        })
    }

    /// Waits until it has been told of a query.
    #[track_caller]
    pub(crate) fn hears_query(&self, query: &str, payload: &str) -> Message {
        let what = format_args!("{} hears query {query:?} with {payload:?}", self.name());
        until(what, SOON, || {
            self.find(|heard| match heard {
                Heard::Query(message) if message.says(query, payload) => Some(message.clone()),
                _ => None,
            })
        })
    }

    fn find<T>(&self, matching: impl Fn(&Heard) -> Option<T>) -> Result<T, String> {
        let heard = self.heard();
        heard.iter().find_map(matching).ok_or_else(|| format!("it heard {heard:#?}"))
    }
}

/// Waits until all live peers list exactly these peers, as they are.
#[track_caller]
pub(crate) fn agree(peers: &[&dyn Peer]) {
    let expected = Roster::of(peers.iter().map(|peer| peer.entry()));
    let what = format_args!("all that are alive agree on\n{expected}");
    until(what, PATIENCE, || {
        let alive = peers.iter().filter(|peer| peer.is_alive());
        let mut others = alive.map(|peer| (peer.name(), peer.roster()));
        match others.find(|(_, roster)| *roster != expected) {
            Some((name, roster)) => Err(format!("{name} lists\n{roster}")),
            None => Ok(()),
        }
    });
}

/// Waits until all agree and have nothing left to gossip.
#[track_caller]
pub(crate) fn settle(peers: &[&dyn Peer]) {
    agree(peers);
    for peer in peers {
        until(format_args!("{} has told all", peer.name()), SOON, || match peer.untold() {
            0 => Ok(()),
            untold => Err(untold),
        });
    }
}

/// A member's name and address, and how others must list it.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) ip: IpAddr,
    entry: RefCell<Entry>,
}

impl Identity {
    pub(crate) fn new(name: &str, ip: IpAddr, tags: &[(&str, &str)]) -> Self {
        let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        let entry = Entry {
            name: name.to_owned(),
            addr: SocketAddr::new(ip, 7946).to_string(),
            status: "alive".to_owned(),
            tags: tags.iter().map(owned).collect(),
        };
        Self { ip, entry: RefCell::new(entry) }
    }

    pub(crate) fn entry(&self) -> Entry {
        self.entry.borrow().clone()
    }

    pub(crate) fn is_now(&self, status: &str) {
        self.entry.borrow_mut().status = status.to_owned();
    }

    pub(crate) fn is_tagged(&self, key: &str, value: &str) {
        self.entry.borrow_mut().tags.insert(key.to_owned(), value.to_owned());
    }
}

/// A line of `serf members`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) addr: String,
    pub(crate) status: String,
    pub(crate) tags: BTreeMap<String, String>,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, addr, status, tags } = self;
        write!(f, "{name}  {addr}  {status}  {tags:?}")
    }
}

/// A list of members, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Roster(Vec<Entry>);

impl Roster {
    pub(crate) fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut entries: Vec<Entry> = entries.into_iter().collect();
        entries.sort();
        Self(entries)
    }

    pub(crate) fn has(&self, entry: &Entry) -> bool {
        self.0.contains(entry)
    }
}

impl fmt::Display for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|entry| writeln!(f, "    {entry}"))
    }
}

/// Something that a handler was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// `change` as in `member-join`.
    Member {
        change: String,
        name: String,
    },
    Event(Message),
    Query(Message),
}

/// A user event or a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) name: String,
    pub(crate) payload: String,
    pub(crate) ltime: u64,
}

impl Message {
    fn says(&self, name: &str, payload: &str) -> bool {
        self.name == name && self.payload == payload
    }
}

/// A query. Every peer replies to `status` with [`answer`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Question<'a> {
    pub(crate) name: &'a str,
    pub(crate) payload: &'a str,
    /// The query is only for this node.
    pub(crate) node: Option<&'a str>,
    /// The query is only for nodes whose tag matches the expression.
    pub(crate) tag: Option<(&'a str, &'a str)>,
    /// The relay factor: how many other members each reply also goes through.
    pub(crate) relay_factor: u8,
}

impl<'a> Question<'a> {
    pub(crate) fn status(payload: &'a str) -> Self {
        Self { name: "status", payload, ..Self::default() }
    }
}

/// The reply of a peer to the query `status`.
pub(crate) fn answer(name: &str, payload: &str) -> String {
    format!("{name} heard {payload}")
}

/// The acks and replies to a query, each sorted by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) acks: Vec<String>,
    pub(crate) replies: Vec<(String, String)>,
}

impl Answers {
    pub(crate) fn new(mut acks: Vec<String>, mut replies: Vec<(String, String)>) -> Self {
        acks.sort();
        replies.sort();
        Self { acks, replies }
    }

    /// Whether exactly these peers acked and replied.
    pub(crate) fn of(peers: &[&dyn Peer], payload: &str) -> Self {
        let names = || peers.iter().map(|peer| peer.name());
        let replies = names().map(|name| (name.clone(), answer(&name, payload)));
        Self::new(names().collect(), replies.collect())
    }
}
