//! What the recipes share: nodes on free ports of this machine, and waiting.

use std::borrow::Cow;
use std::time::Duration;

use serfer_tokio::{Builder, Config, Serfer, Tokio};

pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A node on a free port of this machine.
pub(crate) fn node(name: &str) -> Builder<Tokio> {
    on_loopback(Config::local(name))
}

/// The same, with settings of its own.
pub(crate) fn on_loopback(config: Config) -> Builder<Tokio> {
    serfer_tokio::builder(config).bind("127.0.0.1:0")
}

/// The address at which others join a node.
pub(crate) fn addr(serf: &Serfer) -> Result<String> {
    Ok(serf.local_member()?.addr().to_string())
}

/// Bytes as text.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Waits until a condition holds, for ten seconds at most.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) -> Result {
    for _ in 0..200 {
        if holds() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("still waiting until {what}").into())
}
