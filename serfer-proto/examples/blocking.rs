//! A node on std sockets and threads: `blocking NAME ADDR:PORT JOIN:PORT [KEY]`. The first joins itself.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "it has a clock and a screen")]

use std::io::{Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};
use std::{collections::HashMap, env, error::Error, fs::File, sync::Arc, thread};

use serfer_proto::*;

type Streams = HashMap<StreamId, Arc<TcpStream>>;
/// What a thread has to tell, as the call that tells it.
type Input = Box<dyn FnOnce(&mut Endpoint, &mut Streams, Instant) + Send>;

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [name, addr, peer, key @ ..] = &args[..] else { return Err("NAME ADDR JOIN [KEY]".into()) };
    let (udp, listener) = (UdpSocket::bind(addr)?, TcpListener::bind(addr)?);
    let (mut config, mut seed) = (Config::local(name).advertise(udp.local_addr()?), [0; 32]);
    if let Some(key) = key.first() {
        config = config.keyring(Keyring::new(SecretKey::from_base64(key)?));
    }
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    let mut node = Endpoint::new(config, seed, Instant::now())?;
    node.join(Instant::now(), &[peer.parse()?], Replay::Skip)?;
    let (tx, inbox) = channel::<Input>();
    let (socket, datagrams, accepted) = (udp.try_clone()?, tx.clone(), tx.clone());
    thread::spawn(move || receive(&socket, &datagrams));
    thread::spawn(move || accept(&listener, &accepted));
    let (mut streams, mut buf) = (Streams::new(), Vec::new());
    loop {
        buf.clear();
        match node.poll_output(&mut buf) {
            Output::Datagram { to, .. } if udp.send_to(&buf, to).is_ok() => {}
            Output::Datagram { to, .. } => node.handle_send_failed(Instant::now(), to),
            Output::Connect { stream, to } => {
                let tx = tx.clone();
                thread::spawn(move || converse(stream, TcpStream::connect(to), &tx));
            }
            // If this fails, whoever reads the stream tells.
            Output::Write { stream, .. } => drop((&*streams[&stream]).write_all(&buf)),
            Output::Close { stream } | Output::Abort { stream } => {
                drop(streams.get(&stream).map(|tcp| tcp.shutdown(Shutdown::Both)));
            }
            Output::Store { .. } => unreachable!("this node keeps no files"),
            Output::Event(Event::Query(query)) => {
                let answered = node.respond(Instant::now(), &query, b"I am OK, thanks for asking");
                println!("query {} from {}: {answered:?}", query.name, query.from);
            }
            Output::Event(event) => println!("{event:?}"),
            Output::Wait { until } => {
                let wait = until.map_or(Duration::MAX, |at| at.duration_since(Instant::now()));
                if let Ok(input) = inbox.recv_timeout(wait) {
                    input(&mut node, &mut streams, Instant::now());
                }
                node.handle_timeout(Instant::now());
            }
        }
    }
}

fn receive(udp: &UdpSocket, tx: &Sender<Input>) {
    let mut buf = [0; 65_536];
    while let Ok((len, from)) = udp.recv_from(&mut buf) {
        let mut data = buf[..len].to_vec();
        drop(tx.send(Box::new(move |node, _, now| node.handle_datagram(now, from, &mut data))));
    }
}

fn accept(listener: &TcpListener, tx: &Sender<Input>) {
    while let Ok((tcp, from)) = listener.accept() {
        let more = tx.clone();
        drop(tx.send(Box::new(move |node, _, now| {
            if let Some(stream) = node.handle_accepted(now, from) {
                thread::spawn(move || converse(stream, Ok(tcp), &more));
            }
        })));
    }
}

fn converse(stream: StreamId, tcp: Result<TcpStream>, tx: &Sender<Input>) {
    let tell = |input: Input| drop(tx.send(input));
    if let Ok(tcp) = tcp.map(Arc::new) {
        let ours = tcp.clone();
        tell(Box::new(move |node, streams, now| {
            streams.insert(stream, ours);
            node.handle_connected(now, stream);
        }));
        let mut buf = [0; 16_384];
        while let Ok(len @ 1..) = (&*tcp).read(&mut buf) {
            let data = buf[..len].to_vec();
            tell(Box::new(move |node, _, now| node.handle_stream_data(now, stream, &data)));
        }
    }
    tell(Box::new(move |node, streams, now| {
        streams.remove(&stream);
        node.handle_stream_end(now, stream, StreamEnd::Closed);
    }));
}
