//! Which lines of the trace a script shows.

use super::words::{Result, Words};
use crate::node_id::NodeId;
use crate::trace::{Kind, Line};

/// Selects lines of the trace.
#[derive(Clone, Debug)]
pub(super) struct LineFilter {
    kinds: Vec<Kind>,
    /// Empty for all nodes.
    nodes: Vec<NodeId>,
}

impl LineFilter {
    pub(super) fn all() -> Self {
        Self { kinds: Kind::ALL.to_vec(), nodes: Vec::new() }
    }

    /// `show all`, `show event probe`, `show all but probe`, `show state nodes=a,b`.
    pub(super) fn parse(words: &mut Words, node: impl Fn(&str) -> Result<NodeId>) -> Result<Self> {
        let nodes = words.named("nodes").unwrap_or_default();
        let nodes =
            nodes.split(',').filter(|it| !it.is_empty()).map(node).collect::<Result<_>>()?;
        let mut kinds = Vec::new();
        let mut wanted = words.rest();
        let unwanted = match wanted.iter().position(|word| word == "but") {
            Some(at) => wanted.split_off(at).split_off(1),
            None => Vec::new(),
        };
        for word in wanted {
            kinds.extend(kinds_of(&word)?);
        }
        for word in unwanted {
            let without = kinds_of(&word)?;
            kinds.retain(|kind| !without.contains(kind));
        }
        Ok(Self { kinds, nodes })
    }

    pub(super) fn includes(&self, line: &Line) -> bool {
        let is_about = |node: &NodeId| line.node == Some(*node) || line.to == Some(*node);
        line.kinds.iter().any(|kind| self.kinds.contains(kind))
            && (self.nodes.is_empty() || self.nodes.iter().any(is_about))
    }
}

fn kinds_of(word: &str) -> Result<Vec<Kind>> {
    if matches!(word, "all" | "nothing") {
        return Ok(if word == "all" { Kind::ALL.to_vec() } else { Vec::new() });
    }
    let found = Kind::ALL.into_iter().find(|kind| kind.to_string() == word);
    found.map(|kind| vec![kind]).ok_or_else(|| format!("there is no kind of line `{word}`"))
}
