//! Cache invalidation: what one node changes, all others drop.
//!
//! `cargo run -p serfer-tokio --example cookbook cache`
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::support::{Result, addr, node, text, until};
use serfer_tokio::{Event, Events, Serfer};

#[derive(Clone, Default)]
struct Cache(Arc<Mutex<BTreeMap<String, &'static str>>>);

impl Cache {
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, &'static str>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keys(&self) -> Vec<String> {
        self.change(|entries| entries.keys().cloned().collect())
    }
}

pub(crate) async fn main() -> Result {
    let (a, _) = start("a", None).await?;
    let seed = addr(&a)?;
    let (_b, at_b) = start("b", Some(&seed)).await?;
    println!("b has cached {:?}", at_b.keys());

    // First write to the database, then send the event. Without coalescing: each key counts.
    a.user_event("invalidate", "user/42")?;
    until("b has dropped it", || at_b.keys() == ["user/43"]).await?;
    println!("user/42 is invalid; b has cached {:?}", at_b.keys());
    Ok(())
}

async fn start(name: &str, seed: Option<&str>) -> Result<(Serfer, Cache)> {
    let cache = Cache::default();
    cache.change(|entries| entries.extend([("user/42".into(), "Ada"), ("user/43".into(), "Bob")]));
    let serf = node(name).join(seed.map(str::to_owned)).start().await?;
    tokio::spawn(follow(serf.events(), cache.clone()));
    Ok((serf, cache))
}

/// Drops the keys of events, and everything if an event may have been missed: a cache may be empty,
/// but not wrong. Entries should expire all the same, since a node that is cut off cannot know for
/// how long.
async fn follow(mut events: Events, cache: Cache) {
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::User(event)) if &*event.name == "invalidate" => {
                cache.change(|entries| entries.remove(&*text(&event.payload)));
            }
            Ok(_) => {}
            Err(_lagged) => cache.change(BTreeMap::clear),
        }
    }
}
