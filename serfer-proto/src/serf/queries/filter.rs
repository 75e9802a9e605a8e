//! Evaluates the filters of a query: names of nodes, and regular expressions for tags.
//!
//! Counterpart of Go's `shouldProcessQuery`. A filter that is invalid matches no node.
//!
//! Unlike Go: the cost has a bound. It takes a thousand times as long to compile an expression as to
//! send it, and a packet has room for thousands. So the steps for the filters of other nodes' queries
//! are counted and limited per second, see [`Limits::filter_steps`](crate::Limits::filter_steps).

use serfer_go_regex::{ExprProblem, GoRegex, LEN_MAX};

use crate::api::{QueryError, Tags};
use crate::wire::msgpack::Text;
use crate::wire::seq::{Seq, SeqBuf};
use crate::wire::serf_message::{Filter, TagFilter};

/// How many expressions are cached.
const CACHED_MAX: usize = 64;

/// How much memory the cached expressions may take up together, in bytes.
const CACHED_MEMORY_MAX: usize = 2 << 20;

/// How many steps it takes to find an expression in the cache.
const STEPS_TO_FIND: usize = 100;

/// Evaluates filters, and caches their expressions. Go compiles an expression for each query.
#[derive(Debug, Default)]
pub(crate) struct FilterEvaluator {
    /// The most recently used expression is last.
    cached: Vec<CachedExpr>,
}

#[derive(Debug)]
struct CachedExpr {
    expr: Box<str>,
    compiled: Result<GoRegex, ExprProblem>,
    /// How many steps it took to compile it.
    steps: usize,
}

impl CachedExpr {
    fn memory(&self) -> usize {
        self.expr.len() + self.compiled.as_ref().map_or(0, GoRegex::memory)
    }
}

/// The next thing to do takes more steps than are left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooManySteps;

fn take(steps_left: &mut usize, steps: usize) -> Result<(), TooManySteps> {
    *steps_left = steps_left.checked_sub(steps).ok_or(TooManySteps)?;
    Ok(())
}

impl FilterEvaluator {
    /// Whether all filters match a node. `steps_left` goes down by the steps that this takes.
    pub(crate) fn match_all(
        &mut self,
        filters: Seq<'_, &[u8]>,
        (name, tags): (&str, &Tags),
        steps_left: &mut usize,
    ) -> Result<bool, TooManySteps> {
        for filter in filters.iter() {
            let matches = match Filter::decode(filter) {
                Ok(Filter::Nodes(names)) => names.iter().any(|it| *it.0 == *name.as_bytes()),
                Ok(Filter::Tag(filter)) => self.matches(&filter, tags, steps_left)?,
                Err(_) => false,
            };
            if !matches {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A tag that is not set has an empty value, which an empty expression matches.
    fn matches(
        &mut self,
        filter: &TagFilter<'_>,
        tags: &Tags,
        steps_left: &mut usize,
    ) -> Result<bool, TooManySteps> {
        take(steps_left, STEPS_TO_FIND)?;
        let Some((cached, steps)) = filter.expr.to_str().and_then(|expr| self.find(expr).ok())
        else {
            return Ok(false);
        };
        // How many steps it takes to compile an expression is known only afterwards.
        *steps_left = steps_left.saturating_sub(steps);
        let Ok(compiled) = &mut cached.compiled else {
            return Ok(false);
        };
        let value = filter.tag.to_str().and_then(|tag| tags.get(tag)).unwrap_or_default();
        take(steps_left, compiled.steps(value))?;
        Ok(compiled.is_match(value))
    }

    /// Checks that the expressions of a query of this node are valid, and that `steps_max` steps are
    /// enough to compile them.
    pub(crate) fn check<'a>(
        &mut self,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
        steps_max: usize,
    ) -> Result<(), QueryError> {
        let mut steps = 0;
        for (tag, expr) in tags {
            let compiled = self.find(expr).and_then(|(cached, _)| {
                steps += cached.steps;
                cached.compiled.as_ref().map_err(|problem| *problem)
            });
            if let Err(problem) = compiled {
                let (tag, expr) = (tag.to_owned(), expr.to_owned());
                return Err(QueryError::Filter { tag, expr, problem });
            }
        }
        match steps > steps_max {
            true => Err(QueryError::FilterSteps { steps, max: steps_max }),
            false => Ok(()),
        }
    }

    /// One expression of a query of this node, for the values of many members. It is compiled once here:
    /// expressions that do not fit into the cache together would otherwise be compiled for each member.
    /// An invalid one matches nothing.
    pub(crate) fn matcher(&mut self, expr: &str) -> impl FnMut(&str) -> bool {
        let found = self.find(expr).ok();
        let mut compiled = found.and_then(|(cached, _)| cached.compiled.as_mut().ok());
        move |value| compiled.as_mut().is_some_and(|it| it.is_match(value))
    }

    /// An expression, and how many steps it took to compile it if it was not cached.
    fn find(&mut self, expr: &str) -> Result<(&mut CachedExpr, usize), ExprProblem> {
        if expr.len() > LEN_MAX {
            return Err(ExprProblem::TooLarge);
        }
        let (found, steps) = match self.cached.iter().position(|cached| *cached.expr == *expr) {
            Some(at) => (self.cached.remove(at), 0),
            None => {
                let (compiled, steps) = GoRegex::new_counted(expr);
                (CachedExpr { expr: expr.into(), compiled, steps }, steps)
            }
        };
        while !self.cached.is_empty() && !self.has_room_for(&found) {
            self.cached.remove(0);
        }
        self.cached.push(found);
        Ok((self.cached.last_mut().expect("it has just been pushed"), steps))
    }

    fn has_room_for(&self, more: &CachedExpr) -> bool {
        self.cached.len() < CACHED_MAX && self.memory() + more.memory() <= CACHED_MEMORY_MAX
    }

    fn memory(&self) -> usize {
        self.cached.iter().map(CachedExpr::memory).sum()
    }
}

/// Encodes filters: one for all names, and one for each tag.
pub(crate) fn encode<'a>(
    nodes: &[String],
    tags: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<Vec<u8>> {
    let mut filters = Vec::new();
    let mut encode = |filter: Filter<'_>| {
        let mut bytes = Vec::new();
        filter.encode(&mut bytes);
        filters.push(bytes);
    };
    if !nodes.is_empty() {
        let names = nodes.iter().map(|name| Text::from(name.as_str()));
        let names = SeqBuf::of(names);
        encode(Filter::Nodes(names.as_seq()));
    }
    for (tag, expr) in tags {
        let (tag, expr) = (tag.into(), expr.into());
        encode(Filter::Tag(TagFilter { expr, tag }));
    }
    filters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches_web1(filters: &[Vec<u8>]) -> bool {
        let tags = Tags::from_iter([("role", "web"), ("dc", "east-1")]);
        let filters = SeqBuf::of(filters.iter().map(|filter| &**filter));
        let mut evaluator = FilterEvaluator::default();
        evaluator.match_all(filters.as_seq(), ("web-1", &tags), &mut { usize::MAX }).unwrap()
    }

    fn tag(tag: &str, expr: &str) -> Vec<Vec<u8>> {
        encode(&[], [(tag, expr)])
    }

    #[test]
    fn filters_travel_as_go_sends_them() {
        let nodes = ["n1".to_owned(), "n2".to_owned()];
        let filters = encode(&nodes, [("role", "^web")]);
        let hex = filters.iter().map(hex::encode).collect::<Vec<_>>();
        assert_eq!(hex, ["0092a26e31a26e32", "0182a445787072a45e776562a3546167a4726f6c65"]);
    }

    #[test]
    fn all_filters_have_to_match() {
        let me = ["db-1".to_owned(), "web-1".to_owned()];
        let other = ["db-1".to_owned()];
        assert!(matches_web1(&[]));
        assert!(matches_web1(&encode(&me, [])));
        assert!(!matches_web1(&encode(&other, [])));
        assert!(matches_web1(&encode(&me, [("role", "^web$"), ("dc", "east")])));
        assert!(!matches_web1(&encode(&me, [("role", "^web$"), ("dc", "west")])));
    }

    #[test]
    fn expressions_search_and_absent_tags_are_empty() {
        assert!(matches_web1(&tag("dc", "st-[0-9]")));
        assert!(!matches_web1(&tag("dc", "^st")));
        assert!(matches_web1(&tag("zone", "")));
        assert!(matches_web1(&tag("zone", "^$")));
        assert!(!matches_web1(&tag("zone", ".")));
    }

    #[test]
    fn an_invalid_filter_matches_no_node() {
        for broken in [&b""[..], b"\x02\x80", b"\x00", b"\x01\xc1", b"\x00\x91"] {
            assert!(!matches_web1(&[broken.to_vec()]), "{broken:x?}");
        }
        assert!(!matches_web1(&tag("role", "(")));
        assert!(!matches_web1(&tag("role", "(web){1000}{1000}")));
        // A tag whose name is not UTF-8 is not set.
        let nameless = Filter::Tag(TagFilter { expr: "^$".into(), tag: Text(b"\xff") });
        let mut bytes = Vec::new();
        nameless.encode(&mut bytes);
        assert!(matches_web1(&[bytes]));
    }

    #[test]
    fn the_cache_has_bounds() {
        let mut filters = FilterEvaluator::default();
        let compile = |filters: &mut FilterEvaluator, expr: &str| {
            let (cached, _) = filters.find(expr)?;
            cached.compiled.as_ref().map(drop).map_err(|problem| *problem)
        };
        let is_cached = |filters: &FilterEvaluator, expr: &str| {
            filters.cached.iter().any(|cached| *cached.expr == *expr)
        };
        for n in 0..CACHED_MAX {
            assert!(compile(&mut filters, &format!("web-{n}")).is_ok());
        }
        assert!(compile(&mut filters, "web-0").is_ok());
        assert_eq!(compile(&mut filters, "(").unwrap_err(), ExprProblem::Parenthesis);
        assert_eq!(filters.cached.len(), CACHED_MAX);
        assert!(is_cached(&filters, "web-0") && is_cached(&filters, "("), "they were used last");
        assert!(!is_cached(&filters, "web-1"), "it was not");

        for n in 1..20 {
            assert!(compile(&mut filters, &format!(".{{9{n:02}}}")).is_ok());
        }
        assert!(filters.memory() <= CACHED_MEMORY_MAX);
        assert!(filters.cached.len() < CACHED_MAX && filters.cached.len() > 3);
        assert_eq!(compile(&mut filters, &"a".repeat(2 << 20)).unwrap_err(), ExprProblem::TooLarge);
        assert!(filters.memory() <= CACHED_MEMORY_MAX);
    }

    #[test]
    fn a_cached_expression_takes_fewer_steps() {
        let mut evaluator = FilterEvaluator::default();
        let tags = Tags::from_iter([("role", "web"), ("long", &"a".repeat(400))]);
        let mut taken = |filter: &[Vec<u8>], left| {
            let filters = SeqBuf::of(filter.iter().map(|filter| &**filter));
            let mut steps_left = left;
            let matches = evaluator.match_all(filters.as_seq(), ("web-1", &tags), &mut steps_left);
            (matches, left - steps_left)
        };
        let enough = 1 << 22;
        let (first, compiled) = taken(&tag("role", "^web$"), enough);
        assert_eq!(first, Ok(true));
        assert!((500..5000).contains(&compiled), "{compiled}");
        let (again, found) = taken(&tag("role", "^web$"), enough);
        assert_eq!(again, Ok(true));
        assert!((100..200).contains(&found), "{found}");

        // Names cost nothing, and without steps nothing is compiled.
        let names: Vec<String> = (0..1000).map(|n| format!("web-{n}")).collect();
        assert_eq!(taken(&encode(&names, []), 0), (Ok(true), 0));
        assert_eq!(taken(&tag("role", "^new$"), 0), (Err(TooManySteps), 0));
        assert_eq!(taken(&tag("role", "^new$"), found), (Err(TooManySteps), found));
        assert!(
            taken(&tag("role", "^new$"), enough).1 < 200,
            "it was compiled before it was too much"
        );

        // A match that takes too many steps is not started.
        let slow = tag("long", "(?:a?){1000}$");
        let (first, compiled) = taken(&slow, enough);
        assert_eq!(first, Ok(true));
        assert!(compiled > 400_000);
        assert_eq!(taken(&slow, 400_000), (Err(TooManySteps), STEPS_TO_FIND));
    }
}
