//! Status by query: how are the web servers, and which of them do not answer?
//!
//! `cargo run -p serfer-tokio --example cookbook status`
use std::time::Duration;

use crate::support::{Result, addr, on_loopback, text, until};
use serfer_tokio::{Config, QueryParams, Request, Router, Serfer, blocking};

pub(crate) async fn main() -> Result {
    // A handler that reads files or computes for long is `blocking`, so that nothing else waits for
    // it.
    let load = Router::new().query("load", blocking(|_: Request| load_average()));
    let desk = start("desk", "desk", Router::new(), None).await?;
    let seed = addr(&desk)?;
    let _web_1 = start("web-1", "web", load.clone(), Some(&seed)).await?;
    let _web_2 = start("web-2", "web", load.clone(), Some(&seed)).await?;
    // This node cannot reply: it receives the query, but has no handler for it.
    let _web_3 = start("web-3", "web", Router::new(), Some(&seed)).await?;
    until("all are here", || desk.members().len() == 4).await?;

    let params = QueryParams::new()
        .tag("role", "^web$")
        .timeout(Duration::from_secs(5))
        .settle(Duration::from_millis(300));
    let answers = desk.query_with("load", "", &params)?.collect().await;
    for (from, load) in &answers.replies {
        println!("{from}: {}", text(load));
    }
    for who in answers.acks.iter().filter(|who| !answers.replies.contains_key(*who)) {
        println!("{who}: got the question, and does not answer");
    }
    if let Some(end) = answers.end {
        println!("the query is {end}");
    }
    match (answers.acks.len(), answers.replies.len()) {
        (3, 2) => Ok(()),
        (acks, replies) => Err(format!("{acks} acks and {replies} replies").into()),
    }
}

/// Only Linux has this file.
fn load_average() -> String {
    let load = std::fs::read_to_string("/proc/loadavg");
    load.map_or_else(|_| "unknown".to_owned(), |load| load.trim_end().to_owned())
}

async fn start(name: &str, role: &str, router: Router, seed: Option<&str>) -> Result<Serfer> {
    let config = Config::local(name).tag("role", role)?;
    Ok(on_loopback(config).router(router).join(seed.map(str::to_owned)).start().await?)
}
