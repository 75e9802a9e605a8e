//! Who a query is for: names and tag expressions.
//!
//! Counterpart of Go's `shouldProcessQuery`. Whatever is wrong with a filter, it then matches nobody.

use super::go_regex::{GoRegex, LEN_MAX};
use crate::error::{ExprProblem, QueryError};
use crate::tags::Tags;
use crate::wire::msgpack::Text;
use crate::wire::seq::Seq;
use crate::wire::serf_message::{Filter, TagFilter};

/// How many expressions are kept.
const KEPT_MAX: usize = 64;

/// How much memory the expressions that are kept may take up together, in bytes.
const KEPT_MEMORY_MAX: usize = 2 << 20;

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
}

impl Kept {
    fn memory(&self) -> usize {
        self.expr.len() + self.compiled.as_ref().map_or(0, GoRegex::memory)
    }
}

impl Exprs {
    /// Whether all filters match a node.
    pub(crate) fn match_all(&mut self, filters: Seq<'_, &[u8]>, name: &str, tags: &Tags) -> bool {
        filters.iter().all(|filter| match Filter::decode(filter) {
            Ok(Filter::Nodes(names)) => names.iter().any(|wanted| *wanted.0 == *name.as_bytes()),
            Ok(Filter::Tag(filter)) => self.matches(&filter, tags),
            Err(_) => false,
        })
    }

    /// A tag that is not set has an empty value, which an empty expression matches.
    fn matches(&mut self, filter: &TagFilter<'_>, tags: &Tags) -> bool {
        let value = filter.tag.to_str().and_then(|tag| tags.get(tag)).unwrap_or_default();
        let expr = filter.expr.to_str();
        expr.is_some_and(|expr| self.compiled(expr).is_ok_and(|expr| expr.is_match(value)))
    }

    /// Whether expressions of ours mean something.
    pub(crate) fn check<'a>(
        &mut self,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), QueryError> {
        tags.into_iter().try_for_each(|(tag, expr)| match self.compiled(expr) {
            Ok(_) => Ok(()),
            Err(problem) => {
                let (tag, expr) = (tag.to_owned(), expr.to_owned());
                Err(QueryError::Filter { tag, expr, problem })
            }
        })
    }

    fn compiled(&mut self, expr: &str) -> Result<&mut GoRegex, ExprProblem> {
        if expr.len() > LEN_MAX {
            return Err(ExprProblem::TooLarge);
        }
        let kept = match self.kept.iter().position(|kept| *kept.expr == *expr) {
            Some(at) => self.kept.remove(at),
            None => Kept { expr: expr.into(), compiled: GoRegex::new(expr) },
        };
        while !self.kept.is_empty() && !self.has_room_for(&kept) {
            self.kept.remove(0);
        }
        self.kept.push(kept);
        let kept = self.kept.last_mut().expect("it has just been pushed");
        kept.compiled.as_mut().map_err(|problem| *problem)
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
        Exprs::default().match_all(filters.as_seq(), "web-1", &tags)
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
        let kept = |exprs: &Exprs, expr: &str| exprs.kept.iter().any(|kept| *kept.expr == *expr);
        for n in 0..KEPT_MAX {
            assert!(exprs.compiled(&format!("web-{n}")).is_ok());
        }
        assert!(exprs.compiled("web-0").is_ok());
        assert_eq!(exprs.compiled("(").unwrap_err(), ExprProblem::Parenthesis);
        assert_eq!(exprs.kept.len(), KEPT_MAX);
        assert!(kept(&exprs, "web-0") && kept(&exprs, "("), "they were used last");
        assert!(!kept(&exprs, "web-1"), "it was not");

        for n in 1..20 {
            assert!(exprs.compiled(&format!(".{{9{n:02}}}")).is_ok());
        }
        assert!(exprs.memory() <= KEPT_MEMORY_MAX);
        assert!(exprs.kept.len() < KEPT_MAX && exprs.kept.len() > 3);
        assert_eq!(exprs.compiled(&"a".repeat(2 << 20)).unwrap_err(), ExprProblem::TooLarge);
        assert!(exprs.memory() <= KEPT_MEMORY_MAX);
    }
}
