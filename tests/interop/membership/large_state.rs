//! States so large that their compressed form clears its table on the way.
//!
//! LZW runs out of codes, of at most 12 bits, after 3,838 of them. Go and we go on differently
//! then, so this is where one could fail to read the other.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::node::{Node, RUNTIME};
use crate::harness::peer::Peer;
use crate::harness::scene::Scene;
use crate::harness::setting::PLAIN;
use crate::harness::wait::SOON;
use crate::{Case, case};

/// Anything longer than this has cleared its table.
const FIRST_TABLE_MAX: usize = 3_838 * 12 / 8;

/// The type of a compressed message.
const COMPRESSED: u8 = 9;

/// How many nodes of ours there are, with tags of almost 512 bytes each.
const SWARM: usize = 24;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("large_state/of_ours_is_read_by_an_agent_that_we_join", we_join),
        case("large_state/of_ours_is_read_by_an_agent_that_joins_us", it_joins),
        case("large_state/of_an_agent_is_read_by_us", we_read),
    ]
}

fn we_join(scene: &Scene) {
    let swarm = swarm(scene);
    let agent = scene.agent(&PLAIN, "agent", &[]);
    let tap = Tap::before(scene, "agent");

    swarm[0].join(tap.ip).expect("the agent can be joined");

    lists_all(&*agent, &swarm, &[&*agent]);
    tap.request.assert_large();
}

fn it_joins(scene: &Scene) {
    let swarm = swarm(scene);
    let tap = Tap::before(scene, &swarm[0].identity().entry().name);

    let agent = scene.agent(&PLAIN, "agent", &[&format!("-join={}", tap.ip)]);

    lists_all(&*agent, &swarm, &[&*agent]);
    tap.answer.assert_large();
}

fn we_read(scene: &Scene) {
    let swarm = swarm(scene);
    let agent = scene.agent(&PLAIN, "agent", &[&format!("-join={}", scene.ip("node-0"))]);
    let tap = Tap::before(scene, "agent");

    let joiner = scene.node(&PLAIN, "joiner", |builder| builder.join([tap.ip.to_string()]));

    lists_all(&*joiner, &swarm, &[&*agent, &*joiner]);
    tap.answer.assert_large();
}

/// Nodes of ours. The first knows all of them.
fn swarm(scene: &Scene) -> Vec<Rc<Node>> {
    let mut random = Random(0x5eed);
    let seed = scene.ip("node-0").to_string();
    let swarm = (0..SWARM).map(|number| {
        let tag = random.text(480);
        let seed = (number > 0).then(|| seed.clone());
        let name = format!("node-{number}");
        scene.tagged_node(&PLAIN, &name, &[("random", &tag)], |builder| builder.join(seed))
    });
    let swarm: Vec<_> = swarm.collect();
    lists_all(&*swarm[0], &swarm, &[]);
    swarm
}

#[track_caller]
fn lists_all(peer: &dyn Peer, swarm: &[Rc<Node>], others: &[&dyn Peer]) {
    let swarm = swarm.iter().map(|node| -> &dyn Peer { &**node });
    let all: Vec<&dyn Peer> = swarm.chain(others.iter().copied()).collect();
    peer.lists_only(&all, SOON);
}

/// Letters that compress to about five bits each.
struct Random(u64);

impl Random {
    fn text(&mut self, len: usize) -> String {
        (0..len).map(|_| char::from(b"abcdefghijklmnopqrstuvwxyz234567"[self.below_32()])).collect()
    }

    /// A linear congruential generator. Its upper bits are the good ones.
    fn below_32(&mut self) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 59) as usize
    }
}

/// A proxy before a peer, which records what is sent over streams.
struct Tap {
    ip: IpAddr,
    request: Notes,
    answer: Notes,
}

impl Tap {
    fn before(scene: &Scene, peer: &str) -> Self {
        let (ip, to) = (scene.ip("tap"), scene.ip(peer));
        let (request, answer) = (Notes::default(), Notes::default());
        let listener = RUNTIME.block_on(TcpListener::bind((ip, 7946))).expect("a free address");
        let notes = (request.clone(), answer.clone());
        RUNTIME.spawn(async move {
            let (joiner, _) = listener.accept().await?;
            let (from_joiner, to_joiner) = joiner.into_split();
            let (from_peer, to_peer) = TcpStream::connect((to, 7946)).await?.into_split();
            let (request, answer) = notes;
            let answered = tokio::spawn(answer.pass_on(from_peer, to_joiner));
            request.pass_on(from_joiner, to_peer).await?;
            answered.await?
        });
        Self { ip, request, answer }
    }
}

/// All bytes in one direction.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<u8>>>);

impl Notes {
    async fn pass_on(self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> std::io::Result<()> {
        let mut buf = vec![0; 4096];
        loop {
            let len = from.read(&mut buf).await?;
            if len == 0 {
                return to.shutdown().await;
            }
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(&buf[..len]);
            to.write_all(&buf[..len]).await?;
        }
    }

    #[track_caller]
    fn assert_large(&self) {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(noted.first(), Some(&COMPRESSED));
        assert!(noted.len() > FIRST_TABLE_MAX + 100, "only {} bytes", noted.len());
    }
}
