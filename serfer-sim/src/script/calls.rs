//! Commands that call a node's endpoint or hand a message to it.
//!
//! An error of the endpoint is printed. It is not an error of the script.

use std::time::Instant;

use serfer_proto::{
    Coalesce, Endpoint, Event, KeyOp, KeyParams, Prune, QueryParams, Replay, Retire,
    RotationParams, SecretKey, Tags,
};

use super::inject::{self, InjectContext};
use super::player::{Player, arrow, node};
use super::settings::Settings;
use super::words::{Result, Words, unknown};
use crate::node_id::NodeId;
use crate::trace::{Delivery, cipher, key_named};

impl Player {
    pub(super) fn membership(&mut self, name: &str, words: &mut Words) -> Result<()> {
        let id = self.running(words)?;
        match name {
            "join" => {
                let replay = if words.flag("replay") { Replay::Deliver } else { Replay::Skip };
                let peers = words.rest();
                let addr = |peer: &String| match node(&self.sim, peer) {
                    Ok(peer) => Ok(self.sim.addr(peer)),
                    Err(error) => peer.parse().map_err(|_| error),
                };
                let peers = peers.iter().map(addr).collect::<Result<Vec<_>>>()?;
                self.call(id, |it, now| it.join(now, &peers, replay));
            }
            "leave" => self.call(id, Endpoint::leave),
            "force-leave" => {
                let prune = if words.flag("prune") { Prune::Yes } else { Prune::No };
                let member = words.next("a member")?;
                self.call(id, |it, now| it.force_leave(now, &member, prune));
            }
            _ => {
                let mut tags = Tags::new();
                for (key, value) in words.rest_named() {
                    tags.insert(key, value);
                }
                self.call(id, |it, now| it.set_tags(now, tags));
            }
        }
        Ok(())
    }

    pub(super) fn message(&mut self, command: &str, words: &mut Words) -> Result<()> {
        let id = self.running(words)?;
        let name = words.next("a name")?;
        match command {
            "event" => {
                let coalesce = if words.flag("coalesce") { Coalesce::Yes } else { Coalesce::No };
                let payload = words.next_if_any().unwrap_or_default();
                self.call(id, |it, now| it.user_event(now, &name, payload.as_bytes(), coalesce));
            }
            "query" => {
                let params = query_params(words)?;
                let payload = words.next_if_any().unwrap_or_default();
                self.call(id, |it, now| it.query(now, &name, payload.as_bytes(), &params));
            }
            _ => {
                let answer = words.next("an answer")?;
                self.sim.app(id, move |endpoint, now, event| {
                    if let Event::Query(query) = event
                        && *query.name == *name
                    {
                        // If the query is over, the trace shows that nothing was sent.
                        let _ = endpoint.respond(now, query, answer.as_bytes());
                    }
                });
            }
        }
        Ok(())
    }

    /// Makes a node ask all members about their keys.
    pub(super) fn keys(&mut self, command: &str, words: &mut Words) -> Result<()> {
        let id = self.running(words)?;
        let relay_factor = words.parsed("relay")?.unwrap_or(0);
        let ask = KeyParams { relay_factor, timeout: words.time("timeout")? };
        if command == "rotate" {
            let retire = match words.named("retire").as_deref() {
                None | Some("former") => Retire::Former,
                Some("others") => Retire::Others,
                Some("nothing") => Retire::Nothing,
                Some(other) => {
                    return Err(format!("`{other}` is not valid: write former, others or nothing"));
                }
            };
            let params = RotationParams { retire, ask, ..RotationParams::default() };
            let key = self.key(words)?;
            self.call(id, |it, now| it.rotate_key(now, key, params));
            return Ok(());
        }
        let op = match words.next("install, use, remove or list")?.as_str() {
            "install" => KeyOp::Install(self.key(words)?),
            "use" => KeyOp::Use(self.key(words)?),
            "remove" => KeyOp::Remove(self.key(words)?),
            "list" => KeyOp::List,
            other => {
                return Err(format!("`{other}` is not valid: write install, use, remove or list"));
            }
        };
        self.call(id, |it, now| it.manage_key(now, op, ask));
        Ok(())
    }

    /// Calls a node's endpoint, and prints the error if there is one.
    pub(super) fn call<T, E: std::fmt::Display>(
        &mut self,
        id: NodeId,
        call: impl FnOnce(&mut Endpoint, Instant) -> std::result::Result<T, E>,
    ) {
        if let Err(error) = self.sim.at(id, call) {
            self.printed.push(format!("error: {error}"));
        }
    }

    /// The next word, as the name of a key.
    fn key(&mut self, words: &mut Words) -> Result<SecretKey> {
        let key = key_named(&words.next("a key")?);
        self.sim.trace.get_or_insert_default().name_key(key.clone());
        Ok(key)
    }

    pub(super) fn inject(&mut self, words: &mut Words) -> Result<()> {
        let [from, to] = arrow(&self.sim, &words.next("a->b")?)?;
        let describer = self.sim.trace.get_or_insert_default().describer();
        let message = {
            let cx = InjectContext {
                addr_of: &|name| {
                    let id = describer.find(name);
                    id.ok_or_else(|| format!("there is no node `{name}`: say addr=…"))
                },
                wire_seq: &|shown| describer.wire_seq(to, shown),
                query_id: &|by, ltime| describer.query_id(by, ltime),
                receiver: describer.name(to),
            };
            inject::message(words, &cx)?
        };
        let receiver = &self.sim.nodes[to.index()];
        let configured = receiver.config.keys();
        let keyring = receiver.endpoint.as_ref().map_or(configured, Endpoint::keyring);
        let key = keyring.and_then(|ring| cipher(ring.primary()));
        let label = self.settings.get(&to).map_or("", Settings::label);
        let packet = inject::seal(&message, key.as_ref(), label);
        if let Some(trace) = &mut self.sim.trace {
            trace.datagram(self.sim.now, from, Some(to), &packet, Delivery::Injected);
        }
        self.sim.inject(self.sim.addr(from), to, &packet);
        Ok(())
    }
}

fn query_params(words: &mut Words) -> Result<QueryParams> {
    let mut params = QueryParams::new();
    if let Some(timeout) = words.time("timeout")? {
        params = params.timeout(timeout);
    }
    if let Some(quiet) = words.time("settle")? {
        params = params.settle(quiet);
    }
    if let Some(factor) = words.parsed("relay")? {
        params = params.relay_factor(factor);
    }
    if words.flag("without-acks") {
        params = params.without_acks();
    }
    if words.flag("until-timeout") {
        params = params.until_timeout();
    }
    for (key, value) in words.rest_named() {
        params = match key.split_once('.') {
            Some(("tag", tag)) => params.tag(tag, value),
            None if key == "node" => params.node(value),
            _ => return Err(unknown(&key)),
        };
    }
    Ok(params)
}
