//! Who a query is for: names and tag expressions.
//!
//! Counterpart of Go's `shouldProcessQuery`. Whatever is wrong with a filter, it then matches nobody.

use regex::RegexBuilder;

use crate::tags::Tags;
use crate::wire::msgpack::Text;
use crate::wire::seq::Seq;
use crate::wire::serf_message::{Filter, TagFilter};

/// How much memory a compiled expression may take up, in bytes.
const COMPILED_MAX: usize = 1 << 18;

/// Whether all filters match a node.
pub(crate) fn matches(filters: Seq<'_, &[u8]>, name: &str, tags: &Tags) -> bool {
    filters.iter().all(|filter| match Filter::decode(filter) {
        Ok(Filter::Nodes(names)) => names.iter().any(|wanted| *wanted.0 == *name.as_bytes()),
        Ok(Filter::Tag(filter)) => tag_matches(&filter, tags),
        Err(_) => false,
    })
}

/// A tag that is not set has an empty value, which an empty expression matches.
fn tag_matches(filter: &TagFilter<'_>, tags: &Tags) -> bool {
    let (Some(tag), Some(expr)) = (filter.tag.to_str(), filter.expr.to_str()) else {
        return false;
    };
    let compiled = RegexBuilder::new(expr).size_limit(COMPILED_MAX).build();
    compiled.is_ok_and(|expr| expr.is_match(tags.get(tag).unwrap_or_default()))
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
        matches(filters.as_seq(), "web-1", &tags)
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
    }
}
