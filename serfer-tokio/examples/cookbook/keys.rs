//! Key rotation: the whole cluster gets another key while it runs.
//!
//! `cargo run -p serfer-tokio --example cookbook keys`
use crate::support::{Result, addr, node, until};
use serfer_tokio::{SecretKey, Serfer};

/// In production: 32 bytes of `openssl rand -base64 32` from your secret store, never in a source
/// file.
const OLD: &str = "U3VwZXJTZWN1cmVUb2tlbg==";
const NEW: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

pub(crate) async fn main() -> Result {
    let a = start("a", OLD, None).await?;
    let seed = addr(&a)?;
    let _b = start("b", OLD, Some(&seed)).await?;
    let _c = start("c", OLD, Some(&seed)).await?;
    until("all are here", || a.members().len() == 3).await?;
    show(&a).await?;

    // If a member does not answer or refuses, this fails and names it, and no member is cut off.
    // Repair that member, and call this again with the same key.
    let report = a.rotate_key(SecretKey::from_base64(NEW)?).await?;
    println!("rotated to {} by {:?}, removed {:?}", report.key, report.members, report.removed);
    show(&a).await?;

    match start("late", OLD, Some(&seed)).await {
        Ok(_) => return Err("the old key still opens the door".into()),
        Err(error) => println!("with the old key: {error}"),
    }
    let _late = start("late", NEW, Some(&seed)).await?;
    println!("with the new key: welcome");
    Ok(())
}

/// Keys are shown only as fingerprints.
async fn show(serf: &Serfer) -> Result {
    for (key, members) in serf.list_keys().await?.primary_keys() {
        println!("{members} members seal with {}", key.fingerprint());
    }
    Ok(())
}

/// These nodes never restart. A service calls `keyring_file_or_create(path, key)` instead of `key`: the file is
/// created with this first key, and from then on has the keys that the cluster has got since.
async fn start(name: &str, key: &str, seed: Option<&str>) -> Result<Serfer> {
    Ok(node(name).key(key)?.join(seed.map(str::to_owned)).start().await?)
}
