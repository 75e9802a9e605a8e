//! Plays the commands of a script.

use std::collections::BTreeMap;
use std::time::Duration;

use super::line_filter::LineFilter;
use super::settings::Settings;
use super::views;
use super::words::{Result, Words, latency, parse, time};
use crate::engine::Sim;
use crate::node_id::NodeId;

/// How long `run until=…` waits at most by default.
const MAX_DEFAULT: Duration = Duration::from_secs(120);

/// A simulation that a script controls.
pub(super) struct Player {
    pub(super) sim: Sim,
    pub(super) settings: BTreeMap<NodeId, Settings>,
    filter: LineFilter,
    /// How many lines of the trace were printed or skipped.
    seen: usize,
    pub(super) printed: Vec<String>,
}

impl Player {
    pub(super) fn new() -> Self {
        let mut sim = Sim::new(1);
        sim.start_trace();
        let (settings, filter) = (BTreeMap::new(), LineFilter::all());
        Self { sim, settings, filter, seen: 0, printed: Vec::new() }
    }

    /// Takes what was printed since this was last called.
    pub(super) fn take_printed(&mut self) -> String {
        std::mem::take(&mut self.printed).join("\n")
    }

    /// Plays one line.
    pub(super) fn command(&mut self, line: &str) -> Result<()> {
        let (name, mut words) = Words::split(line)?;
        let it = &mut words;
        match name.as_str() {
            "seed" | "nodes" | "restart" | "show" => self.setup(&name, it)?,
            "network" | "outgoing" | "incoming" | "link" => self.conditions(&name, it)?,
            "cut" | "block" | "unblock" | "heal" => self.cuts(&name, it)?,
            "isolate" | "down" | "up" | "pause" | "suspend" | "resume" | "crash" | "move" => {
                self.fault(&name, it)?;
            }
            "disk" => self.disk(it)?,
            "join" | "leave" | "force-leave" | "tags" => self.membership(&name, it)?,
            "event" | "query" | "respond" => self.message(&name, it)?,
            "key" | "rotate" => self.keys(&name, it)?,
            "inject" => self.inject(it)?,
            "run" => self.run(it)?,
            "members" | "stats" | "coordinate" | "distance" | "nearest" | "within" => {
                self.view(&name, it)?;
            }
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
            number > self.seen && self.filter.includes(line)
        });
        self.seen = trace.lines().len();
        self.printed.extend(shown.lines().map(|line| line.trim_end().to_owned()));
    }

    // ── nodes ────────────────────────────────────────────────────────────────────────────────────

    fn setup(&mut self, name: &str, words: &mut Words) -> Result<()> {
        match name {
            "seed" if self.sim.ids().next().is_some() => {
                return Err("the seed must be set before all nodes".to_owned());
            }
            "seed" => {
                self.sim = Sim::new(parse("seed", &words.next("a number")?)?);
                self.sim.start_trace();
            }
            "nodes" => self.nodes(words)?,
            "restart" => self.restart(words)?,
            _ => {
                let sim = &self.sim;
                self.filter = LineFilter::parse(words, |name| node(sim, name))?;
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
        let remembers_incarnation = words.flag("remembering");
        let changes = words.rest_named();
        if !changes.is_empty() {
            let settings = self.settings.entry(id).or_default();
            settings.set(changes);
            let config = settings.config(&name)?;
            self.sim.configure(id, config);
        }
        if let Some(Err(error)) = self.sim.nodes[id.index()].recovered() {
            self.printed.push(format!("error: {error}"));
            return Ok(());
        }
        if remembers_incarnation {
            self.sim.restart_remembering(id);
        } else {
            self.sim.restart(id);
        }
        Ok(())
    }

    // ── time and views ───────────────────────────────────────────────────────────────────────────

    fn run(&mut self, words: &mut Words) -> Result<()> {
        let max = words.time("max")?.unwrap_or(MAX_DEFAULT);
        let Some(until) = words.named("until") else {
            self.sim.run_for(time(&words.next("a time")?)?);
            return Ok(());
        };
        let took = match until.as_str() {
            "quiet" => self.sim.run_until_quiet(max),
            "converged" => self.sim.run_until_converged(max),
            other => return Err(format!("`{other}` is not a condition: write quiet or converged")),
        };
        took.map(drop).ok_or_else(|| format!("not {until} within {max:?}"))
    }

    fn view(&mut self, name: &str, words: &mut Words) -> Result<()> {
        let id = node(&self.sim, &words.next("a node")?)?;
        let Some(endpoint) = self.sim.endpoint(id) else {
            return Err(format!("`{}` is not running: it has no view", self.sim.name(id)));
        };
        let lines = match name {
            "members" => views::members(endpoint),
            "coordinate" => {
                let whose = words.next_if_any();
                views::coordinate(endpoint, whose.as_deref().unwrap_or_else(|| self.sim.name(id)))
            }
            "distance" => views::distance(endpoint, &words.next("a node")?, &words.next("a node")?),
            "nearest" => {
                views::nearest(&endpoint.nearest(parse("count", &words.next("a count")?)?))
            }
            "within" => views::nearest(&endpoint.within(time(&words.next("a time")?)?)),
            _ => views::stats(endpoint),
        };
        self.printed.extend(lines);
        Ok(())
    }

    /// The next word, as a node that is running.
    pub(super) fn running(&self, words: &mut Words) -> Result<NodeId> {
        let name = words.next("a node")?;
        let id = node(&self.sim, &name)?;
        if self.sim.nodes[id.index()].is_running() {
            Ok(id)
        } else {
            Err(format!("`{name}` is not running: it cannot be called"))
        }
    }
}

pub(super) fn node(sim: &Sim, name: &str) -> Result<NodeId> {
    sim.id(name).ok_or_else(|| format!("there is no node `{name}`"))
}

/// Nodes, as `a,b`.
pub(super) fn nodes(sim: &Sim, names: &str) -> Result<Vec<NodeId>> {
    names.split(',').map(|name| node(sim, name)).collect()
}

/// A direction, as `a->b`.
pub(super) fn arrow(sim: &Sim, text: &str) -> Result<[NodeId; 2]> {
    let (from, to) =
        text.split_once("->").ok_or_else(|| format!("`{text}` is not a direction: write a->b"))?;
    Ok([node(sim, from)?, node(sim, to)?])
}
