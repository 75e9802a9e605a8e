//! Whether an agent reads regular expressions as we do.
//!
//! The tests of `serfer-proto` play these rows to a node of ours; here they are played to an agent.
//! The queries are encoded by the test, since neither an agent's command nor a node of ours would
//! send so many, or such bad ones. The agent acks each query that matches it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use serfer_proto::wire::compound::Parts;
use serfer_proto::wire::lzw::Lzw;
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::serf_message::{
    FLAG_ACK, FLAG_NO_BROADCAST, Filter, Query, SerfMessage, TagFilter,
};
use serfer_proto::wire::{checksum, kind};

use crate::go_regex::{Row, Verdict, rows};
use crate::harness::peer::{Answers, Peer, Question, agree};
use crate::harness::scene::Scene;
use crate::harness::setting::PLAIN;
use crate::{Case, case};

/// How many bytes of an agent's tags are values. All tags together have 512 bytes.
const VALUES_MAX: usize = 420;

/// How many queries are sent at a time. An agent handles the newest first.
const AT_ONCE: usize = 20;

/// How long to wait for an ack.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) fn cases() -> Vec<Case> {
    let parts = parts(rows()).into_iter().enumerate();
    let table = parts.map(|(n, rows)| {
        case(format!("filter/an_agent_reads_expressions_as_we_do/{n}"), move |scene| {
            agrees(scene, &rows);
        })
    });
    let mut cases: Vec<Case> = table.collect();
    cases.push(case("filter/a_bad_expression_is_for_nobody", bad_expression));
    cases
}

/// The rows, in parts with so few different values that one agent can have all of them as tags.
fn parts(rows: Vec<Row>) -> Vec<Vec<Row>> {
    let mut parts = vec![Vec::new()];
    let mut values = BTreeSet::new();
    for row in rows {
        values.insert(row.value.clone());
        if values.iter().map(|value| value.len() + 5).sum::<usize>() > VALUES_MAX {
            values = BTreeSet::from([row.value.clone()]);
            parts.push(Vec::new());
        }
        parts.last_mut().expect("there is at least one").push(row);
    }
    parts
}

fn agrees(scene: &Scene, rows: &[Row]) {
    let mut tags = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.value.is_empty()) {
        let next = format!("v{}", tags.len());
        tags.entry(&*row.value).or_insert(next);
    }
    let flags: Vec<String> =
        tags.iter().map(|(value, tag)| format!("-tag={tag}={value}")).collect();
    let flags: Vec<&str> = flags.iter().map(|flag| &**flag).collect();
    let agent = scene.agent(&PLAIN, "agent", &flags);
    let mut asker = Asker::new(scene, SocketAddr::from((scene.ip("agent"), 7946)));

    let mut asked = Vec::new();
    for row in rows {
        let tag = tags.get(&*row.value).map_or("none", |tag| tag);
        let alternative = format!("|{}", row.expr);
        asked.push((row, asker.ask(Some((tag, row.expr)))));
        asked.push((row, asker.ask(Some((tag, &alternative)))));
        if asked.len() % AT_ONCE == 0 {
            asker.wait();
        }
    }
    asker.hear_out();
    let wrong = asked.chunks(2).filter(|pair| {
        let (row, found) = (pair[0].0, asker.acked.contains(&pair[0].1));
        // It matches nothing, but an expression that is refused would match nothing either.
        let verdict = match (found, asker.acked.contains(&pair[1].1)) {
            (true, true) => Some(Verdict::Found),
            (false, true) => Some(Verdict::NotFound),
            (false, false) => Some(Verdict::Refused),
            (true, false) => None,
        };
        let either = [Some(Verdict::Found), Some(Verdict::Refused)];
        match row.verdict {
            Verdict::FoundSince122 => !either.contains(&verdict),
            expected => verdict != Some(expected),
        }
    });
    let wrong: Vec<String> = wrong.map(|pair| format!("{:?}", pair[0].0)).collect();
    assert!(wrong.is_empty(), "the agent disagrees: {wrong:#?}");
    drop(agent);
}

/// A sender that is no member, but gets acks.
struct Asker {
    socket: UdpSocket,
    agent: SocketAddr,
    ltime: u64,
    acked: BTreeSet<u64>,
}

impl Asker {
    fn new(scene: &Scene, agent: SocketAddr) -> Self {
        let socket = UdpSocket::bind((scene.ip("asker"), 7946)).expect("nobody has the address");
        socket.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
        Self { socket, agent, ltime: 1, acked: BTreeSet::new() }
    }

    /// Sends a query, and returns its Lamport time.
    fn ask(&mut self, filter: Option<(&str, &str)>) -> u64 {
        let mut filters = SeqBuf::default();
        if let Some((tag, expr)) = filter {
            let mut bytes = Vec::new();
            Filter::Tag(TagFilter { expr: expr.into(), tag: tag.into() }).encode(&mut bytes);
            filters.push(&&*bytes);
        }
        let SocketAddr::V4(addr) = self.socket.local_addr().expect("it is bound") else {
            unreachable!("it is bound to an IPv4 address");
        };
        let query = SerfMessage::Query(Query {
            addr: &addr.ip().octets(),
            filters: filters.as_seq_or_nil(),
            flags: FLAG_ACK | FLAG_NO_BROADCAST,
            id: 1,
            ltime: self.ltime,
            // No handler is told of it.
            name: "_serf_ping".into(),
            port: addr.port(),
            timeout: 10_000_000_000,
            ..Query::default()
        });
        let mut packet = vec![kind::USER];
        query.encode(&mut packet);
        self.socket.send_to(&packet, self.agent).expect("it is our machine");
        self.ltime += 1;
        self.ltime - 1
    }

    /// Waits until the agent has acked a query that is for all nodes.
    fn wait(&mut self) {
        let last = self.ask(None);
        while !self.acked.contains(&last) {
            assert!(self.hear(), "the agent acks no more");
        }
    }

    /// Reads until nothing more arrives.
    fn hear_out(&mut self) {
        self.wait();
        while self.hear() {}
    }

    fn hear(&mut self) -> bool {
        let mut packet = [0; 2048];
        let len = self.socket.recv(&mut packet);
        self.acked.extend(len.iter().flat_map(|&len| ack(&packet[..len])));
        len.is_ok()
    }
}

/// The Lamport time of the query that a packet acks.
fn ack(packet: &[u8]) -> Vec<u64> {
    let packet = checksum::strip(packet).expect("as it was sent");
    match packet.split_first() {
        Some((&kind::USER, message)) => match SerfMessage::decode(message) {
            Ok(SerfMessage::QueryResponse(response)) => vec![response.ltime],
            message => panic!("not an ack: {message:?}"),
        },
        Some((&kind::COMPOUND, parts)) => {
            let parts = Parts::parse(parts).expect("as it was sent");
            parts.flat_map(|part| ack(part.expect("as it was sent"))).collect()
        }
        Some((&kind::COMPRESS, body)) => {
            let mut inflated = Vec::new();
            Lzw::default().inflate(body, 1 << 16, &mut inflated).expect("as it was sent");
            ack(&inflated)
        }
        _ => panic!("not a message: {packet:?}"),
    }
}

/// An agent sends it anyway.
fn bad_expression(scene: &Scene) {
    let agent = scene.agent(&PLAIN, "agent", &[]);
    let seed = scene.ip("agent").to_string();
    let node = scene.node(&PLAIN, "node", |builder| builder.join([seed]));
    agree(&[&*agent, &*node]);
    let ask = |expr| agent.ask(&Question { tag: Some(("role", expr)), ..Question::status(expr) });
    for (expr, asked) in [
        ("(", &[][..]),
        ("n**", &[]),
        (r"^n\w*$", &[&*node as &dyn Peer]),
        // Rust's engines read it as the intersection of both classes.
        ("[n&&x]", &[&*agent, &*node]),
    ] {
        assert_eq!(ask(expr), Answers::of(asked, expr), "{expr}");
    }
}
