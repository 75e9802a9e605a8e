//! Commands that tell a node to do something, or to have heard something.
//!
//! That an endpoint refuses is no mistake of the script: it is printed.

use serfer_proto::{
    Coalesce, Endpoint, Event, KeyOp, KeyParams, Prune, QueryParams, Replay, Retire,
    RotationParams, SecretKey, Tags,
};

use super::inject::{self, Context};
use super::player::{Player, arrow, node};
use super::settings::Settings;
use super::words::{Result, Words, parse};
use crate::trace::Ending;
use crate::trace::{cipher, key_named};

impl Player {
    pub(super) fn membership(&mut self, name: &str, words: &mut Words) -> Result<()> {
        let id = self.running(words)?;
        let failure = match name {
            "join" => {
                let replay = if words.flag("replay") { Replay::Deliver } else { Replay::Skip };
                let peers = words.rest();
                let addr = |peer: &String| match node(&self.sim, peer) {
                    Ok(peer) => Ok(self.sim.addr(peer)),
                    Err(complaint) => peer.parse().map_err(|_| complaint),
                };
                let peers = peers.iter().map(addr).collect::<Result<Vec<_>>>()?;
                self.sim.at(id, |it, now| it.join(now, &peers, replay)).err().map(|e| e.to_string())
            }
            "leave" => self.sim.at(id, |it, now| it.leave(now)).err().map(|e| e.to_string()),
            "force-leave" => {
                let prune = if words.flag("prune") { Prune::Yes } else { Prune::No };
                let whom = words.next("whom")?;
                let result = self.sim.at(id, |it, now| it.force_leave(now, &whom, prune));
                result.err().map(|e| e.to_string())
            }
            _ => {
                let mut tags = Tags::new();
                for (key, value) in words.rest_named() {
                    tags.insert(key, value);
                }
                self.sim.at(id, |it, now| it.set_tags(now, tags)).err().map(|e| e.to_string())
            }
        };
        self.print_failure(failure);
        Ok(())
    }

    pub(super) fn message(&mut self, name: &str, words: &mut Words) -> Result<()> {
        let id = self.running(words)?;
        let what = words.next("a name")?;
        let failure = match name {
            "event" => {
                let coalesce = if words.flag("coalesce") { Coalesce::Yes } else { Coalesce::No };
                let payload = words.next_if_any().unwrap_or_default();
                let payload = payload.as_bytes();
                let sent = self.sim.at(id, |it, now| it.user_event(now, &what, payload, coalesce));
                sent.err().map(|error| error.to_string())
            }
            "query" => {
                let params = query_params(words)?;
                let payload = words.next_if_any().unwrap_or_default();
                let payload = payload.as_bytes();
                let asked = self.sim.at(id, |it, now| it.query(now, &what, payload, &params));
                asked.err().map(|error| error.to_string())
            }
            _ => {
                let answer = words.next("an answer")?;
                self.sim.app(id, move |endpoint, now, event| {
                    if let Event::Query(query) = event
                        && *query.name == *what
                    {
                        // Too late is too late: the trace shows that nothing was sent.
                        let _ = endpoint.respond(now, query, answer.as_bytes());
                    }
                });
                None
            }
        };
        self.print_failure(failure);
        Ok(())
    }

    /// What a node is to ask all others to do with their keys.
    pub(super) fn keys(&mut self, name: &str, words: &mut Words) -> Result<()> {
        let id = self.running(words)?;
        let relay_factor = words.named("relay").map_or(Ok(0), |text| parse("relay", &text))?;
        let ask = KeyParams { relay_factor, timeout: words.time("timeout")? };
        let failure = if name == "rotate" {
            let retire = match words.named("retire").as_deref() {
                None | Some("former") => Retire::Former,
                Some("others") => Retire::Others,
                Some("nothing") => Retire::Nothing,
                Some(other) => return Err(format!("`{other}` is not former, others or nothing")),
            };
            let params = RotationParams { retire, ask, ..RotationParams::default() };
            let key = self.key(words)?;
            let begun = self.sim.at(id, |it, now| it.rotate_key(now, key, params));
            begun.err().map(|error| error.to_string())
        } else {
            let op = words.next("install, use, remove or list")?;
            let op = match op.as_str() {
                "install" => KeyOp::Install(self.key(words)?),
                "use" => KeyOp::Use(self.key(words)?),
                "remove" => KeyOp::Remove(self.key(words)?),
                "list" => KeyOp::List,
                other => return Err(format!("`{other}` is not install, use, remove or list")),
            };
            let asked = self.sim.at(id, |it, now| it.manage_key(now, op, ask));
            asked.err().map(|error| error.to_string())
        };
        self.print_failure(failure);
        Ok(())
    }

    /// The next word, as the name of a key.
    fn key(&mut self, words: &mut Words) -> Result<SecretKey> {
        let key = key_named(&words.next("a key")?);
        self.sim.trace.get_or_insert_default().name_key(key.clone());
        Ok(key)
    }

    fn print_failure(&mut self, failure: Option<String>) {
        self.printed.extend(failure.map(|failure| format!("error: {failure}")));
    }

    pub(super) fn inject(&mut self, words: &mut Words) -> Result<()> {
        let [from, to] = arrow(&self.sim, &words.next("a->b")?)?;
        let describer = self.sim.trace.get_or_insert_default().describer();
        let message = {
            let cx = Context {
                addr_of: &|name| {
                    let id = describer.find(name);
                    id.ok_or_else(|| format!("there is no node `{name}`: say addr=…"))
                },
                seq_on_the_wire: &|shown| describer.seq_on_the_wire(to, shown),
                query_number: &|by, ltime| describer.query_number(by, ltime),
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
            trace.datagram(self.sim.now, from, Some(to), &packet, Ending::Injected);
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
            _ => return Err(format!("nobody knows `{key}`")),
        };
    }
    Ok(params)
}
