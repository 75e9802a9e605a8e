//! Does what the commands of a script say.

use std::collections::BTreeMap;
use std::time::Duration;

use serfer_proto::{Coalesce, Event, Prune, QueryParams, Replay, Tags};

use super::inject::{self, Context};
use super::settings::Settings;
use super::show::Show;
use super::views;
use super::words::{Result, Words, latency, parse, time};
use crate::conditions::{Bandwidth, Traffic, Tune};
use crate::describe::ciphers;
use crate::node::{NodeId, Pace};
use crate::sim::Sim;
use crate::trace::Ending;

/// How long to wait for something, unless a script says otherwise.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) struct Player {
    sim: Sim,
    settings: BTreeMap<NodeId, Settings>,
    show: Show,
    /// How many lines of the trace were looked at.
    seen: usize,
    printed: Vec<String>,
}

impl Player {
    pub(super) fn new() -> Self {
        let mut sim = Sim::new(1);
        sim.start_trace();
        let (settings, show) = (BTreeMap::new(), Show::all());
        Self { sim, settings, show, seen: 0, printed: Vec::new() }
    }

    /// What was printed since this was last asked.
    pub(super) fn printed(&mut self) -> String {
        std::mem::take(&mut self.printed).join("\n")
    }

    /// Does what a line says.
    pub(super) fn command(&mut self, line: &str) -> Result<()> {
        let (name, mut words) = Words::split(line)?;
        let it = &mut words;
        match name.as_str() {
            "seed" | "nodes" | "restart" | "show" => self.arrange(&name, it)?,
            "network" | "outgoing" | "incoming" | "link" => self.conditions(&name, it)?,
            "cut" | "block" | "unblock" | "heal" => self.cuts(&name, it)?,
            "isolate" | "down" | "up" | "pause" | "suspend" | "resume" | "crash" | "move" => {
                self.fault(&name, it)?;
            }
            "join" | "leave" | "force-leave" | "tags" => self.membership(&name, it)?,
            "event" | "query" | "respond" => self.message(&name, it)?,
            "inject" => self.inject(it)?,
            "run" => self.run(it)?,
            "members" | "stats" => self.view(&name, it)?,
            other => return Err(format!("there is no command `{other}`")),
        }
        words.end()?;
        self.print_trace();
        Ok(())
    }

    fn print_trace(&mut self) {
        let trace = self.sim.trace();
        let mut number = 0;
        let shown = trace.show(|line| {
            number += 1;
            number > self.seen && self.show.includes(line)
        });
        self.seen = trace.lines().len();
        self.printed.extend(shown.lines().map(|line| line.trim_end().to_owned()));
    }

    // ── what there is ────────────────────────────────────────────────────────────────────────────

    fn arrange(&mut self, name: &str, words: &mut Words) -> Result<()> {
        match name {
            "seed" if self.sim.ids().next().is_some() => {
                return Err("a seed comes before all nodes".to_owned());
            }
            "seed" => {
                self.sim = Sim::new(parse("seed", &words.next("a number")?)?);
                self.sim.start_trace();
            }
            "nodes" => self.nodes(words)?,
            "restart" => self.restart(words)?,
            _ => {
                let sim = &self.sim;
                self.show = Show::parse(words, |name| node(sim, name))?;
            }
        }
        Ok(())
    }

    fn nodes(&mut self, words: &mut Words) -> Result<()> {
        if let Some(text) = words.named("latency") {
            self.sim.network().latency(latency(&text)?);
        }
        let mut settings = Settings::default();
        settings.set(words.rest_named());
        for name in words.rest() {
            let config = settings.config(&name)?;
            let id = self.sim.try_node(config).map_err(|error| error.to_string())?;
            self.settings.insert(id, settings.clone());
        }
        Ok(())
    }

    fn restart(&mut self, words: &mut Words) -> Result<()> {
        let name = words.next("a node")?;
        let id = node(&self.sim, &name)?;
        let remembers = words.flag("remembering");
        let changes = words.rest_named();
        if !changes.is_empty() {
            let settings = self.settings.entry(id).or_default();
            settings.set(changes);
            let config = settings.config(&name)?;
            self.sim.configure(id, config);
        }
        if remembers {
            self.sim.restart_remembering(id);
        } else {
            self.sim.restart(id);
        }
        Ok(())
    }

    // ── the network ──────────────────────────────────────────────────────────────────────────────

    fn conditions(&mut self, name: &str, words: &mut Words) -> Result<()> {
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
        tune_as_told(
            match traffic {
                Traffic::All => tune,
                Traffic::Datagrams => tune.datagrams(),
                Traffic::Streams => tune.streams(),
            },
            words,
        )
    }

    fn cuts(&mut self, name: &str, words: &mut Words) -> Result<()> {
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

    fn fault(&mut self, name: &str, words: &mut Words) -> Result<()> {
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
                let addr = words.next("an address")?;
                self.sim.readdress(id, parse("move", &addr)?);
            }
        }
        Ok(())
    }

    // ── what nodes are told to do ────────────────────────────────────────────────────────────────

    fn membership(&mut self, name: &str, words: &mut Words) -> Result<()> {
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

    fn message(&mut self, name: &str, words: &mut Words) -> Result<()> {
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

    fn print_failure(&mut self, failure: Option<String>) {
        self.printed.extend(failure.map(|failure| format!("error: {failure}")));
    }

    fn inject(&mut self, words: &mut Words) -> Result<()> {
        let [from, to] = arrow(&self.sim, &words.next("a->b")?)?;
        let describer = self.sim.trace.get_or_insert_default().describer();
        let message = {
            let cx = Context {
                addr_of: &|name| {
                    let id = describer.find(name);
                    id.ok_or_else(|| format!("there is no node `{name}`: say addr=…"))
                },
                seq_on_the_wire: &|shown| describer.seq_on_the_wire(to, shown),
                receiver: describer.name(to),
            };
            inject::message(words, &cx)?
        };
        let keys = ciphers(&self.sim.nodes[to.index()].config);
        let label = self.settings.get(&to).map_or("", Settings::label);
        let packet = inject::seal(&message, keys.first(), label);
        if let Some(trace) = &mut self.sim.trace {
            trace.datagram(self.sim.now, from, Some(to), &packet, Ending::Injected);
        }
        self.sim.inject(self.sim.addr(from), to, &packet);
        Ok(())
    }

    // ── time, and what is known at the end of it ─────────────────────────────────────────────────

    fn run(&mut self, words: &mut Words) -> Result<()> {
        let max = words.time("max")?.unwrap_or(PATIENCE);
        let Some(until) = words.named("until") else {
            self.sim.run_for(time(&words.next("a time")?)?);
            return Ok(());
        };
        let became = match until.as_str() {
            "quiet" => self.sim.run_until_quiet(max),
            "converged" => self.sim.run_until_converged(max),
            other => return Err(format!("`{other}` is nothing to wait for: quiet, converged")),
        };
        became.map(drop).ok_or_else(|| format!("not {until} within {max:?}"))
    }

    fn view(&mut self, name: &str, words: &mut Words) -> Result<()> {
        let id = node(&self.sim, &words.next("a node")?)?;
        let Some(endpoint) = self.sim.endpoint(id) else {
            return Err(format!("`{}` is not running: it knows nothing", self.sim.name(id)));
        };
        let lines = match name {
            "members" => views::members(endpoint),
            _ => views::stats(endpoint),
        };
        self.printed.extend(lines);
        Ok(())
    }

    /// The next word, as a node that can be called.
    fn running(&self, words: &mut Words) -> Result<NodeId> {
        let name = words.next("a node")?;
        let id = node(&self.sim, &name)?;
        let it = &self.sim.nodes[id.index()];
        if it.endpoint.is_some() && it.pace == Pace::Runs {
            Ok(id)
        } else {
            Err(format!("`{name}` is not running: it cannot be called"))
        }
    }
}

fn tune_as_told(mut tune: Tune<'_>, words: &mut Words) -> Result<()> {
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
            _ => return Err(format!("nobody knows `{key}`")),
        };
    }
    Ok(())
}

fn query_params(words: &mut Words) -> Result<QueryParams> {
    let mut params = QueryParams::new();
    if let Some(timeout) = words.time("timeout")? {
        params = params.timeout(timeout);
    }
    if words.flag("without-acks") {
        params = params.without_acks();
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

fn node(sim: &Sim, name: &str) -> Result<NodeId> {
    sim.id(name).ok_or_else(|| format!("there is no node `{name}`"))
}

/// `a,b`.
fn nodes(sim: &Sim, names: &str) -> Result<Vec<NodeId>> {
    names.split(',').map(|name| node(sim, name)).collect()
}

/// `a->b`.
fn arrow(sim: &Sim, text: &str) -> Result<[NodeId; 2]> {
    let (from, to) = text.split_once("->").ok_or_else(|| format!("`{text}` is not like a->b"))?;
    Ok([node(sim, from)?, node(sim, to)?])
}
