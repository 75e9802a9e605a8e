//! A regular expression, in a query that is filtered by a tag.
//!
//! The expression ends at the first zero byte. The rest is the value of the tag.

use serfer_proto::wire::kind;
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::serf_message::{Filter, Query, SerfMessage, TagFilter};
use serfer_proto::{Config, Limits, Queries, QueryError, QueryParams};

use super::layers::Layers;
use super::watched::{Watched, addr, alive};

/// Tags take 512 bytes at most, and bytes that are not UTF-8 become up to three times as long.
const VALUE_MAX: usize = 160;

/// Whatever the expression is, it means the same to the sender of a query and to its receiver, and
/// the node goes on.
pub fn filter(input: &[u8]) {
    let mut parts = input.splitn(2, |byte| *byte == 0);
    let expr = parts.next().unwrap_or_default();
    let value = parts.next().unwrap_or_default();
    let value = String::from_utf8_lossy(&value[..value.len().min(VALUE_MAX)]).into_owned();
    let found = is_heard(expr, &value);
    let Ok(expr) = str::from_utf8(expr) else {
        assert!(!found);
        return;
    };
    let asked = asks(expr, &value);
    assert!(asked.is_none() || asked == Some(found));
    // An alternative that matches everything does not change whether the expression is valid.
    let alternative = format!("|{expr}");
    let understood = is_heard(alternative.as_bytes(), &value);
    assert_eq!(asks(&alternative, &value), understood.then_some(true));
    assert!(asked.is_some() || !understood);
}

fn node(value: &str) -> Watched {
    let queries = Queries { len_max: 4096, ..Queries::default() };
    let config = Config::lan("n0").tag("t", value).expect("it fits").queries(queries);
    // Without a limit on the time it takes.
    let limits = Limits { filter_steps: usize::MAX, ..Limits::default() };
    Watched::new(config, limits, Layers::from_bits(0))
}

/// Whether a node accepts and answers the query of a member with this filter.
fn is_heard(expr: &[u8], value: &str) -> bool {
    let mut node = node(value);
    node.hear_right(addr(1), &alive(1, 1, b"\xff\x80"));
    let mut filter = Vec::new();
    let expr = serfer_proto::wire::msgpack::Text(expr);
    Filter::Tag(TagFilter { expr, tag: "t".into() }).encode(&mut filter);
    let filters = SeqBuf::of([&*filter]);
    let query = SerfMessage::Query(Query {
        filters: filters.as_seq(),
        ltime: 1,
        name: "q".into(),
        source_node: "n1".into(),
        ..Query::default()
    });
    let mut packet = vec![kind::USER];
    query.encode(&mut packet);
    node.hear_right(addr(1), &packet);
    node.assert_well();
    !node.queries.is_empty()
}

/// Whether a node answers its own query with this filter, unless it refuses to send it.
fn asks(expr: &str, value: &str) -> Option<bool> {
    let mut node = node(value);
    let params = QueryParams::new().tag("t", expr);
    let asked = node.act(|node, now| node.query(now, "q", b"", &params));
    match asked {
        Ok(_) => Some(!node.queries.is_empty()),
        Err(QueryError::Filter { .. } | QueryError::TooLarge { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}
