//! The servers that are compared: a node, and a socket that only echoes, each on both runtimes.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};

use serfer_tokio::{Builder, Config, Runtime};

/// The longest ping there is.
const PING_MAX: usize = 2048;

const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

pub(crate) fn node_on_tokio(name: &str, _ack_len: usize, ready: &dyn Fn(SocketAddr)) {
    tokio().block_on(async { serve(serfer_tokio::builder(Config::local(name)), ready).await });
}

pub(crate) fn node_on_smol(name: &str, _ack_len: usize, ready: &dyn Fn(SocketAddr)) {
    let executor = std::sync::Arc::new(smol::Executor::new());
    let runtime = serfer_smol::Smol::on(executor.clone());
    let node = serve(Builder::new(runtime, Config::local(name)), ready);
    smol::block_on(executor.run(node));
}

async fn serve<R: Runtime>(builder: Builder<R>, ready: &dyn Fn(SocketAddr)) {
    let serf = builder.bind("127.0.0.1:0").start().await.expect("there are free ports");
    ready(serf.local_member().expect("it runs").addr());
    pending::<()>().await;
}

pub(crate) fn bare_tokio(_name: &str, ack_len: usize, ready: &dyn Fn(SocketAddr)) {
    tokio().block_on(async {
        let udp = tokio::net::UdpSocket::bind(ANY_PORT).await.expect("there are free ports");
        ready(udp.local_addr().expect("it is bound"));
        let mut buf = [0; PING_MAX];
        while let Ok((_, from)) = udp.recv_from(&mut buf).await {
            udp.send_to(&buf[..ack_len], from).await.expect("the client is there");
        }
    });
}

pub(crate) fn bare_smol(_name: &str, ack_len: usize, ready: &dyn Fn(SocketAddr)) {
    smol::block_on(async {
        let udp = smol::net::UdpSocket::bind(ANY_PORT).await.expect("there are free ports");
        ready(udp.local_addr().expect("it is bound"));
        let mut buf = [0; PING_MAX];
        while let Ok((_, from)) = udp.recv_from(&mut buf).await {
            udp.send_to(&buf[..ack_len], from).await.expect("the client is there");
        }
    });
}

fn tokio() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("the operating system has what it takes")
}
