//! Who a query is for: names and tag expressions.
//!
//! Counterpart of Go's `shouldProcessQuery`. Whatever is wrong with a filter, it then matches nobody.
//!
//! Unlike Go: what it costs to find out has a bound. To compile an expression takes a thousand times
//! as long as to send it, and a packet has room for thousands, so the steps that others' filters take
//! are counted, and there are only so many in a second, see
//! [`Limits::filter_steps`](crate::Limits::filter_steps).

use crate::api::error::{ExprProblem, QueryError};
use crate::api::tags::Tags;
use crate::serf::queries::go_regex::{GoRegex, LEN_MAX};
use crate::wire::msgpack::Text;
use crate::wire::seq::Seq;
use crate::wire::serf_message::{Filter, TagFilter};

/// How many expressions are kept.
const KEPT_MAX: usize = 64;

/// How much memory the expressions that are kept may take up together, in bytes.
const KEPT_MEMORY_MAX: usize = 2 << 20;

/// How many steps it takes to find an expression among those that are kept.
const STEPS_TO_FIND: usize = 100;

/// Expressions that were seen lately. Unlike Go, which compiles one for each query.
#[derive(Debug, Default)]
pub(crate) struct Exprs {
    /// Those used last are last.
    kept: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    expr: Box<str>,
    compiled: Result<GoRegex, ExprProblem>,
    /// How many steps it took to compile it.
    steps: usize,
}

impl Kept {
    fn new(expr: &str) -> Self {
        let (compiled, steps) = GoRegex::new(expr);
        Self { expr: expr.into(), compiled, steps }
    }

    fn memory(&self) -> usize {
        self.expr.len() + self.compiled.as_ref().map_or(0, GoRegex::memory)
    }
}

/// How many steps filters may yet take.
#[derive(Debug)]
pub(crate) struct Steps {
    pub(crate) left: usize,
}

/// What comes next takes more steps than are left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooManySteps;

impl Steps {
    pub(crate) const fn unlimited() -> Self {
        Self { left: usize::MAX }
    }

    fn take(&mut self, steps: usize) -> Result<(), TooManySteps> {
        self.left = self.left.checked_sub(steps).ok_or(TooManySteps)?;
        Ok(())
    }

    /// They were taken, maybe more than there were.
    fn were_taken(&mut self, steps: usize) {
        self.left = self.left.saturating_sub(steps);
    }
}

impl Exprs {
    /// Whether all filters match a node.
    pub(crate) fn match_all(
        &mut self,
        filters: Seq<'_, &[u8]>,
        (name, tags): (&str, &Tags),
        steps: &mut Steps,
    ) -> Result<bool, TooManySteps> {
        for filter in filters.iter() {
            let matches = match Filter::decode(filter) {
                Ok(Filter::Nodes(names)) => names.iter().any(|it| *it.0 == *name.as_bytes()),
                Ok(Filter::Tag(filter)) => self.matches(&filter, tags, steps)?,
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
        steps: &mut Steps,
    ) -> Result<bool, TooManySteps> {
        steps.take(STEPS_TO_FIND)?;
        let value = filter.tag.to_str().and_then(|tag| tags.get(tag)).unwrap_or_default();
        let expr = filter.expr.to_str().and_then(|expr| self.compiled(expr, steps).ok());
        let Some(expr) = expr else {
            return Ok(false);
        };
        // How many it takes to compile one is known only afterwards.
        steps.take(expr.steps(value))?;
        Ok(expr.is_match(value))
    }

    /// Whether expressions of ours mean something, and can be compiled in so many steps.
    pub(crate) fn check<'a>(
        &mut self,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
        steps_max: usize,
    ) -> Result<(), QueryError> {
        let mut steps = 0;
        for (tag, expr) in tags {
            let kept = self.kept(expr, &mut Steps::unlimited());
            let problem = kept.and_then(|kept| {
                steps += kept.steps;
                kept.compiled.as_ref().map(drop).map_err(|problem| *problem)
            });
            if let Err(problem) = problem {
                let (tag, expr) = (tag.to_owned(), expr.to_owned());
                return Err(QueryError::Filter { tag, expr, problem });
            }
        }
        match steps > steps_max {
            true => Err(QueryError::FilterSteps { steps, max: steps_max }),
            false => Ok(()),
        }
    }

    pub(crate) fn compiled(
        &mut self,
        expr: &str,
        steps: &mut Steps,
    ) -> Result<&mut GoRegex, ExprProblem> {
        let kept = self.kept(expr, steps)?;
        kept.compiled.as_mut().map_err(|problem| *problem)
    }

    fn kept(&mut self, expr: &str, steps: &mut Steps) -> Result<&mut Kept, ExprProblem> {
        if expr.len() > LEN_MAX {
            return Err(ExprProblem::TooLarge);
        }
        let kept = match self.kept.iter().position(|kept| *kept.expr == *expr) {
            Some(at) => self.kept.remove(at),
            None => {
                let kept = Kept::new(expr);
                steps.were_taken(kept.steps);
                kept
            }
        };
        while !self.kept.is_empty() && !self.has_room_for(&kept) {
            self.kept.remove(0);
        }
        self.kept.push(kept);
        Ok(self.kept.last_mut().expect("it has just been pushed"))
    }

    fn has_room_for(&self, more: &Kept) -> bool {
        self.kept.len() < KEPT_MAX && self.memory() + more.memory() <= KEPT_MEMORY_MAX
    }

    fn memory(&self) -> usize {
        self.kept.iter().map(Kept::memory).sum()
    }
}

/// The encoded form of filters: one for all names together, one for each tag.
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
        let names = crate::wire::seq::SeqBuf::of(names);
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
    use crate::wire::seq::SeqBuf;

    fn matches_web1(filters: &[Vec<u8>]) -> bool {
        let tags = Tags::from_iter([("role", "web"), ("dc", "east-1")]);
        let filters = SeqBuf::of(filters.iter().map(|filter| &**filter));
        let mut steps = Steps::unlimited();
        Exprs::default().match_all(filters.as_seq(), ("web-1", &tags), &mut steps).unwrap()
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
    fn whatever_is_wrong_matches_nobody() {
        for broken in [&b""[..], b"\x02\x80", b"\x00", b"\x01\xc1", b"\x00\x91"] {
            assert!(!matches_web1(&[broken.to_vec()]), "{broken:x?}");
        }
        assert!(!matches_web1(&tag("role", "(")));
        assert!(!matches_web1(&tag("role", "(web){1000}{1000}")));
        // A tag whose name is no text is one that is not set.
        let nameless = Filter::Tag(TagFilter { expr: "^$".into(), tag: Text(b"\xff") });
        let mut bytes = Vec::new();
        nameless.encode(&mut bytes);
        assert!(matches_web1(&[bytes]));
    }

    #[test]
    fn only_so_many_expressions_are_kept() {
        let mut exprs = Exprs::default();
        let compile =
            |exprs: &mut Exprs, expr: &str| exprs.compiled(expr, &mut Steps::unlimited()).map(drop);
        let kept = |exprs: &Exprs, expr: &str| exprs.kept.iter().any(|kept| *kept.expr == *expr);
        for n in 0..KEPT_MAX {
            assert!(compile(&mut exprs, &format!("web-{n}")).is_ok());
        }
        assert!(compile(&mut exprs, "web-0").is_ok());
        assert_eq!(compile(&mut exprs, "(").unwrap_err(), ExprProblem::Parenthesis);
        assert_eq!(exprs.kept.len(), KEPT_MAX);
        assert!(kept(&exprs, "web-0") && kept(&exprs, "("), "they were used last");
        assert!(!kept(&exprs, "web-1"), "it was not");

        for n in 1..20 {
            assert!(compile(&mut exprs, &format!(".{{9{n:02}}}")).is_ok());
        }
        assert!(exprs.memory() <= KEPT_MEMORY_MAX);
        assert!(exprs.kept.len() < KEPT_MAX && exprs.kept.len() > 3);
        assert_eq!(compile(&mut exprs, &"a".repeat(2 << 20)).unwrap_err(), ExprProblem::TooLarge);
        assert!(exprs.memory() <= KEPT_MEMORY_MAX);
    }

    #[test]
    fn what_is_known_takes_fewer_steps() {
        let mut exprs = Exprs::default();
        let tags = Tags::from_iter([("role", "web"), ("long", &"a".repeat(400))]);
        let mut taken = |filter: &[Vec<u8>], left| {
            let filters = SeqBuf::of(filter.iter().map(|filter| &**filter));
            let mut steps = Steps { left };
            let matches = exprs.match_all(filters.as_seq(), ("web-1", &tags), &mut steps);
            (matches, left - steps.left)
        };
        let enough = 1 << 22;
        let (first, compiled) = taken(&tag("role", "^web$"), enough);
        assert_eq!(first, Ok(true));
        assert!((500..5000).contains(&compiled), "{compiled}");
        let (again, found) = taken(&tag("role", "^web$"), enough);
        assert_eq!(again, Ok(true));
        assert!((100..200).contains(&found), "{found}");

        // Names cost nothing, and who has no steps left compiles nothing.
        let names: Vec<String> = (0..1000).map(|n| format!("web-{n}")).collect();
        assert_eq!(taken(&encode(&names, []), 0), (Ok(true), 0));
        assert_eq!(taken(&tag("role", "^new$"), 0), (Err(TooManySteps), 0));
        assert_eq!(taken(&tag("role", "^new$"), found), (Err(TooManySteps), found));
        assert!(
            taken(&tag("role", "^new$"), enough).1 < 200,
            "it was compiled before it was too much"
        );

        // What takes long to match is not begun.
        let slow = tag("long", "(?:a?){1000}$");
        let (first, compiled) = taken(&slow, enough);
        assert_eq!(first, Ok(true));
        assert!(compiled > 400_000);
        assert_eq!(taken(&slow, 400_000), (Err(TooManySteps), STEPS_TO_FIND));
    }
}
