//! Config push: a new setting reaches all nodes, including those that join later.
//!
//! `cargo run -p serfer-tokio --example cookbook config`
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::support::{Result, addr, node, text, until};
use serfer_tokio::{QueryParams, Router, Serfer, UserEvent};

/// A setting and its number. The highest number wins, in whatever order settings arrive.
#[derive(Clone, Default)]
struct Setting(Arc<Mutex<(u64, String)>>);

impl Setting {
    fn show(&self) -> Option<String> {
        let (number, text) = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (number > 0).then(|| format!("{number} {text}"))
    }

    fn offer(&self, offered: &str) {
        let Some((number, text)) = offered.split_once(' ') else { return };
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(number) = number.parse::<u64>()
            && number > now.0
        {
            *now = (number, text.to_owned());
        }
    }
}

pub(crate) async fn main() -> Result {
    let (a, _) = start("a", None).await?;
    let seed = addr(&a)?;
    let (_b, at_b) = start("b", Some(&seed)).await?;

    // At most 512 bytes with the name. If the setting is larger, send where it can be fetched.
    a.user_event("config/limits", "7 requests=100")?;
    until("b has it", || at_b.show().is_some()).await?;
    println!("b has {:?}", at_b.show().unwrap_or_default());

    // A node that joins later has not heard the event, so it asks.
    let (c, at_c) = start("c", Some(&seed)).await?;
    let params = QueryParams::new().settle(Duration::from_millis(200));
    let answers = c.query_with("config/limits", "", &params)?.collect().await;
    for (from, answer) in &answers.replies {
        println!("{from} says {:?}", text(answer));
        at_c.offer(&text(answer));
    }
    println!("c has {:?}", at_c.show().unwrap_or_default());
    if at_c.show().as_deref() != Some("7 requests=100") {
        return Err("c should have it".into());
    }
    Ok(())
}

async fn start(name: &str, seed: Option<&str>) -> Result<(Serfer, Setting)> {
    let setting = Setting::default();
    let (heard, asked) = (setting.clone(), setting.clone());
    let router = Router::new()
        .user_event("config/limits", move |event: UserEvent| heard.offer(&text(&event.payload)))
        .query("config/limits", move |_request| asked.show());
    let serf = node(name).router(router).join(seed.map(str::to_owned)).start().await?;
    Ok((serf, setting))
}
