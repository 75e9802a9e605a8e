//! Inside an axum server: the cluster over HTTP.
//!
//! `cargo run -p serfer-tokio --example cookbook axum`
use std::fmt::Write as _;

use crate::support::{Result, addr, node, text};
use axum::Router as Routes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serfer_tokio::{Router, Serfer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

pub(crate) async fn main() -> Result {
    let router = Router::new().query("status", |_request| "I am OK, thanks for asking");
    let other = node("other").router(router.clone()).start().await?;
    let serf = node("web").router(router).join([addr(&other)?]).start().await?;

    // The handle is cheap to clone: it is the state.
    let routes = Routes::new()
        .route("/members", get(members))
        .route("/status", get(status))
        .route("/event/{name}", post(event))
        .with_state(serf.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let at = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, routes).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    let server = tokio::spawn(async move { serving.await });

    for request in ["GET /members", "GET /status", "POST /event/deploy"] {
        println!("{request}\n{}", ask(at, request).await?);
    }
    // First the requests end, then the cluster is left.
    let _ = stop.send(());
    server.await??;
    println!("{}", serf.leave().await?);
    Ok(())
}

async fn members(State(serf): State<Serfer>) -> String {
    let mut text = String::new();
    for member in serf.members() {
        let _ = writeln!(text, "{} {} {}", member.name(), member.status(), member.addr());
    }
    text
}

async fn status(State(serf): State<Serfer>) -> std::result::Result<String, (StatusCode, String)> {
    let answers = serf.query("status", "").map_err(refused)?.collect().await;
    let lines = answers.replies.iter().map(|(from, said)| format!("{from}: {}\n", text(said)));
    Ok(lines.collect())
}

async fn event(
    State(serf): State<Serfer>,
    Path(name): Path<String>,
    payload: axum::body::Bytes,
) -> std::result::Result<StatusCode, (StatusCode, String)> {
    serf.user_event(&name, payload).map_err(refused)?;
    Ok(StatusCode::ACCEPTED)
}

/// An event or a query that is too large, or comes after we left, is refused in plain words.
fn refused(error: serfer_tokio::Error) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, error.to_string())
}

/// What `curl` would do.
async fn ask(at: std::net::SocketAddr, request: &str) -> Result<String> {
    let mut tcp = TcpStream::connect(at).await?;
    let head = format!("{request} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n\r\n");
    tcp.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    let status = head.lines().next().unwrap_or_default();
    if !status.contains(" 20") {
        return Err(format!("{status}: {body}").into());
    }
    Ok(format!("{status}\n{body}"))
}
