//! Commands about the network, machines and disks.

use serfer_proto::StoredFile;

use super::player::{Player, arrow, node, nodes};
use super::words::{Result, Words, latency, parse, unknown};
use crate::engine::Unsynced;
use crate::network::{Bandwidth, Traffic, Tune};

impl Player {
    pub(super) fn conditions(&mut self, name: &str, words: &mut Words) -> Result<()> {
        let traffic = words.traffic()?;
        let tune = match name {
            "network" => self.sim.network(),
            "link" => {
                let [from, to] = arrow(&self.sim, &words.next("a->b")?)?;
                self.sim.link(from, to)
            }
            direction => {
                let node = node(&self.sim, &words.next("a node")?)?;
                if direction == "outgoing" {
                    self.sim.outgoing(node)
                } else {
                    self.sim.incoming(node)
                }
            }
        };
        apply_conditions(
            match traffic {
                Traffic::All => tune,
                Traffic::Datagrams => tune.datagrams(),
                Traffic::Streams => tune.streams(),
            },
            words,
        )
    }

    pub(super) fn cuts(&mut self, name: &str, words: &mut Words) -> Result<()> {
        let traffic = words.traffic()?;
        match name {
            "heal" => self.sim.heal(),
            "cut" => {
                let these = nodes(&self.sim, &words.next("a node")?)?;
                let those = match words.next_if_any() {
                    Some(those) => nodes(&self.sim, &those)?,
                    None => self.sim.ids().filter(|id| !these.contains(id)).collect(),
                };
                self.sim.cut(&these, &those, traffic);
            }
            name => {
                let [from, to] = arrow(&self.sim, &words.next("a->b")?)?;
                if name == "block" {
                    self.sim.block(&[from], &[to], traffic);
                } else {
                    self.sim.unblock(&[from], &[to], traffic);
                }
            }
        }
        Ok(())
    }

    pub(super) fn fault(&mut self, name: &str, words: &mut Words) -> Result<()> {
        let id = if matches!(name, "pause" | "suspend" | "crash") {
            self.running(words)?
        } else {
            node(&self.sim, &words.next("a node")?)?
        };
        match name {
            "isolate" => self.sim.isolate(id),
            "down" => self.sim.interface_down(id),
            "up" => self.sim.interface_up(id),
            "pause" => self.sim.pause(id),
            "suspend" => self.sim.suspend(id),
            "resume" => self.sim.resume(id),
            "crash" => self.sim.crash(id),
            _ => {
                let addr = parse("move", &words.next("an address")?)?;
                self.sim.readdress(id, addr);
                if words.flag("noticed") {
                    self.call(id, |it, now| it.set_advertise(now, addr));
                }
            }
        }
        Ok(())
    }
}

impl Player {
    pub(super) fn disk(&mut self, words: &mut Words) -> Result<()> {
        let id = node(&self.sim, &words.next("a node")?)?;
        if let Some(unsynced) = words.named("unsynced") {
            let unsynced = match unsynced.as_str() {
                "kept" => Unsynced::Kept,
                "lost" => Unsynced::Lost,
                "torn" => Unsynced::Torn,
                other => return Err(format!("`{other}` is not valid: write kept, lost or torn")),
            };
            self.sim.unsynced(id, unsynced);
            return Ok(());
        }
        let mut content = self.sim.file(id, StoredFile::Snapshot).unwrap_or_default().to_vec();
        match words.next_if_any().as_deref() {
            None => {
                let content = String::from_utf8_lossy(&content);
                self.printed.extend(content.lines().map(str::to_owned));
            }
            Some("fails") => self.sim.disk_fails(id),
            Some("works") => self.sim.disk_works(id),
            Some("zeros") => {
                content.fill(0);
                self.sim.put_file(id, StoredFile::Snapshot, &content);
            }
            Some("append") => {
                content.extend_from_slice(words.next("a line")?.as_bytes());
                content.extend(if words.flag("torn") { "" } else { "\n" }.bytes());
                self.sim.put_file(id, StoredFile::Snapshot, &content);
            }
            Some(other) => return Err(format!("`{other}` is not a command for a disk")),
        }
        Ok(())
    }
}

fn apply_conditions(mut tune: Tune<'_>, words: &mut Words) -> Result<()> {
    for (key, value) in words.rest_named() {
        tune = match key.as_str() {
            "latency" => tune.latency(latency(&value)?),
            "loss" => tune.loss(parse(&key, &value)?),
            "duplicate" => tune.duplicate(parse(&key, &value)?),
            "reorder" => tune.reorder(parse(&key, &value)?),
            "corrupt" => tune.corrupt(parse(&key, &value)?),
            "mtu" => tune.mtu(parse(&key, &value)?),
            "bandwidth" => tune.bandwidth(Bandwidth {
                bytes_per_sec: parse(&key, &value)?,
                queue_bytes: 64 << 10,
            }),
            "refuse" => tune.refuse(parse(&key, &value)?),
            "reset" => tune.reset(parse(&key, &value)?),
            _ => return Err(unknown(&key)),
        };
    }
    Ok(())
}
