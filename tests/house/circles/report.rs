//! The report about rings.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::rings::{Graph, edges, rings};
use crate::checked::{Checked, Failure};
use crate::uses::{Place, Tree, Use, known, unknown};

const ADVICE: &str = "\
No file may use, directly or in a ring, a file that uses it. What usually helps:
  - put state, plain data with its own methods, into a file below, and behaviour (`impl Parent`) above it;
  - move what both need into a file of its own, below both;
  - let the upper file hand in a value, a closure or a trait, instead of being named below.
A field's type, `mod x;` and `pub use x::Y;` do not count. ARCHITECTURE.md says what does.";

/// Fails with all rings, and with the names that cannot be resolved.
pub(super) fn circles(name: &str, tree: &Tree) -> Checked {
    let uses = known(tree);
    let unknown = unknown(name, &uses);
    let uses = counted(&uses.own);
    let rings = rings(graph(&uses));
    let told = (!rings.is_empty()).then(|| told(name, &rings, &uses));
    let wrong: Vec<_> = told.into_iter().chain(unknown).collect();
    if wrong.is_empty() { Ok(()) } else { Err(Failure(wrong.join("\n\n"))) }
}

/// The uses of other files that count.
fn counted(uses: &[Use]) -> Vec<&Use> {
    let plain = plain_aliases(uses);
    let counts = |it: &&Use| match &it.place {
        Place::Code => true,
        Place::Field => false,
        Place::Alias(name) => !plain.contains(&(it.from.as_str(), name.as_str())),
    };
    uses.iter().filter(|it| it.from != it.to).filter(counts).collect()
}

/// The aliases that are used only in the types of fields, or in other such aliases.
fn plain_aliases(uses: &[Use]) -> BTreeSet<(&str, &str)> {
    let aliases = uses.iter().filter_map(|it| match &it.place {
        Place::Alias(name) => Some((it.from.as_str(), name.as_str())),
        _ => None,
    });
    let used: BTreeSet<_> = uses.iter().map(|it| (it.to.as_str(), it.item.as_str())).collect();
    let mut plain: BTreeSet<_> = aliases.filter(|it| used.contains(it)).collect();
    loop {
        let before = plain.len();
        for it in uses {
            let stays = match &it.place {
                Place::Code => false,
                Place::Field => true,
                Place::Alias(name) => plain.contains(&(it.from.as_str(), name.as_str())),
            };
            if !stays {
                plain.remove(&(it.to.as_str(), it.item.as_str()));
            }
        }
        if plain.len() == before {
            return plain;
        }
    }
}

fn graph<'a>(uses: &[&'a Use]) -> Graph<'a> {
    let mut names: BTreeSet<(&str, &str, &str)> = BTreeSet::new();
    names.extend(uses.iter().map(|it| (it.from.as_str(), it.to.as_str(), it.item.as_str())));
    let mut graph = Graph::new();
    for (from, to, _) in names {
        *graph.entry(from).or_default().entry(to).or_default() += 1;
    }
    graph
}

fn told(name: &str, rings: &[Vec<&str>], uses: &[&Use]) -> String {
    let mut text = format!("{name} has {} of files\n", counted_as(rings.len(), "ring"));
    for (number, ring) in rings.iter().enumerate() {
        let _ = writeln!(text, "\nRing {}, {}:", number + 1, counted_as(ring.len(), "file"));
        for (from, to) in edges(ring) {
            let _ = writeln!(text, "  {from} uses {to}: {}", ties(from, to, uses));
        }
    }
    let _ = write!(text, "\n{ADVICE}");
    text
}

fn counted_as(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The names that one file uses of another, with their lines.
fn ties(from: &str, to: &str, uses: &[&Use]) -> String {
    let mut lines: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for it in uses.iter().filter(|it| it.from == from && it.to == to) {
        lines.entry(&it.item).or_default().insert(it.line);
    }
    let told = lines.iter().map(|(name, lines)| {
        let lines: Vec<_> = lines.iter().map(usize::to_string).collect();
        format!("{name} (line {})", lines.join(", "))
    });
    told.collect::<Vec<_>>().join(", ")
}
