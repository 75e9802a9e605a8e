//! Query filters: their encoding, which nodes they match, and regular expressions as Go reads them.

use proptest::prelude::*;
use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::serf_message::{Filter, Query, SerfMessage, TagFilter};
use serfer_proto::{DropReason, Event, ExprProblem, Limits, QueryError, QueryParams};

use crate::go_regex::{Row, Verdict, rows};
use crate::harness::craft::{query, user};
use crate::harness::solo::Solo;
use crate::harness::support::{lan, secs};

/// Node 0 with a tag.
fn tagged(value: &str) -> Solo {
    Solo::among(lan(0).tag("t", value).unwrap(), 1)
}

fn is_asked(solo: &Solo) -> bool {
    solo.events.iter().any(|event| matches!(event, Event::Query(_)))
}

/// Node 1 sends a query with this filter.
fn hear_query(solo: &mut Solo, filter: &[u8]) {
    hear_query_again(solo, 7, &[filter.to_vec()]);
}

fn hear_query_again(solo: &mut Solo, id: u32, filters: &[Vec<u8>]) {
    let filters = SeqBuf::of(filters.iter().map(|filter| &**filter));
    let query =
        Query { filters: filters.as_seq(), id, ltime: 3, timeout: 1_000_000_000, ..query() };
    solo.hear(1, &user(&SerfMessage::Query(query)));
}

fn hear_expr(solo: &mut Solo, expr: &str) {
    hear_query(solo, &tag_filter(expr));
}

fn tag_filter(expr: &str) -> Vec<u8> {
    encoded(&Filter::Tag(TagFilter { expr: expr.into(), tag: "t".into() }))
}

fn encoded(filter: &Filter<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    filter.encode(&mut bytes);
    bytes
}

/// Many large expressions, all different.
fn large(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| format!(".{{0,{}}}", 1000 - n))
}

fn ask(solo: &mut Solo, expr: &str) -> Result<(), QueryError> {
    let params = QueryParams::new().tag("t", expr);
    solo.act(|node, now| node.query(now, "load", b"", &params)).map(drop)
}

#[test]
fn expressions_mean_what_they_mean_in_go() {
    let wrong = rows().into_iter().filter(|Row { expr, value, verdict }| {
        let mut hears = tagged(value);
        hear_expr(&mut hears, expr);
        let mut asks = tagged(value);
        let refused = ask(&mut asks, expr).is_err();
        let ours = match (is_asked(&hears), is_asked(&asks), refused) {
            (true, true, false) => Some(Verdict::Found),
            (false, false, false) => Some(Verdict::NotFound),
            (false, false, true) => Some(Verdict::Refused),
            _ => None,
        };
        let theirs = match verdict {
            Verdict::FoundSince122 => Verdict::Found,
            verdict => *verdict,
        };
        assert_eq!(hears.said().is_empty(), !is_asked(&hears), "only who is asked acks");
        ours != Some(theirs)
    });
    assert_eq!(wrong.map(|row| format!("{row:?}")).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_query_of_ours_with_a_bad_expression_is_refused_and_says_why() {
    let mut solo = tagged("web");
    let queued = solo.node.stats().queued;
    let error = ask(&mut solo, "we(b").unwrap_err();
    assert_eq!(
        error.to_string(),
        "expression \"we(b\" for tag \"t\" has a parenthesis without its partner"
    );
    let long = "a".repeat(2049);
    let error = ask(&mut solo, &long).unwrap_err();
    let expected =
        QueryError::Filter { tag: "t".to_owned(), expr: long, problem: ExprProblem::TooLarge };
    assert_eq!(error, expected);
    assert_eq!((is_asked(&solo), solo.node.stats().queued), (false, queued));
    ask(&mut solo, "web").unwrap();
    assert!(is_asked(&solo));
}

/// Go compiles each of them, which takes a thousand times as long as sending it.
#[test]
fn filters_of_others_are_limited_in_each_second() {
    let mut solo = tagged("web");
    let filters: Vec<_> = large(900).map(|expr| tag_filter(&expr)).collect();
    hear_query_again(&mut solo, 1, &filters);
    assert!(!is_asked(&solo));
    assert_eq!(solo.dropped(DropReason::TooOften), 1);
    // One filter at a time does not help either.
    for (id, filter) in (2..).zip(&filters).take(100) {
        hear_query_again(&mut solo, id, std::slice::from_ref(filter));
    }
    let dropped = solo.dropped(DropReason::TooOften);
    assert!(dropped > 80, "{dropped}");

    // A filter by name takes no time, so the limit does not apply.
    hear_query_again(
        &mut solo,
        500,
        &[encoded(&Filter::Nodes(SeqBuf::of([Text(b"n0")]).as_seq()))],
    );
    assert!(is_asked(&solo));
    solo.events.clear();
    solo.pass(secs(1));
    hear_query_again(&mut solo, 501, &[tag_filter("^web$")]);
    assert!(is_asked(&solo));
    assert_eq!(solo.dropped(DropReason::TooOften), dropped);
}

#[test]
fn a_query_whose_filter_takes_too_long_is_gossiped_all_the_same() {
    let limits = Limits { filter_steps: 0, ..Limits::default() };
    let mut solo = Solo::among(lan(0).limits(limits), 1);
    hear_expr(&mut solo, "");
    assert_eq!((is_asked(&solo), solo.dropped(DropReason::TooOften)), (false, 1));
    assert_eq!(solo.node.stats().queries_queued, 1);
}

#[test]
fn ordinary_filters_take_far_less_than_the_limit() {
    let mut solo = tagged("web");
    let names: Vec<String> = (0..500).map(|n| format!("server-{n}.example.com")).collect();
    let names = names.iter().map(|name| Text::from(name.as_str())).chain([Text(b"n0")]);
    let names = encoded(&Filter::Nodes(SeqBuf::of(names).as_seq()));
    for id in 0..250 {
        let exprs = [format!("^(web|db|cache{id})$"), "(?i)^WEB".to_owned(), "^.*e.*$".to_owned()];
        let tags = exprs.iter().map(|expr| tag_filter(expr));
        let filters: Vec<_> = std::iter::once(names.clone()).chain(tags).collect();
        solo.events.clear();
        hear_query_again(&mut solo, id, &filters);
        assert!(is_asked(&solo), "{id}");
    }
}

#[test]
fn a_query_of_ours_whose_filters_take_too_long_is_refused() {
    let mut solo = tagged("web");
    let params = |count| {
        let tags = large(count).enumerate();
        tags.fold(QueryParams::new(), |params, (n, expr)| params.tag(format!("t{n}"), expr))
    };
    let ask = |solo: &mut Solo, count| {
        solo.act(|node, now| node.query(now, "load", b"", &params(count))).map(drop)
    };
    assert_eq!(ask(&mut solo, 5), Ok(()));
    let refused = ask(&mut solo, 20).unwrap_err();
    let QueryError::FilterSteps { steps, max } = refused else {
        panic!("{refused}");
    };
    assert!(steps > max && max == Limits::default().filter_steps, "{steps}");
    assert_eq!(
        refused.to_string(),
        format!("filters that take {steps} steps to compile exceed 4194304 steps")
    );
    // A refused query was not sent, and does not count against the limit of others.
    assert_eq!(solo.node.stats().queries_queued, 1);
    hear_expr(&mut solo, "^web$");
    assert!(is_asked(&solo));
    assert_eq!(solo.dropped(DropReason::TooOften), 0);
}

#[test]
fn a_broken_filter_matches_no_node() {
    for filter in [&b""[..], b"\x02\x80", b"\x00", b"\x00\x80", b"\x01\xc1", b"\x01\x81\xa3Tag\x01"]
    {
        let mut solo = tagged("web");
        hear_query(&mut solo, filter);
        assert!(!is_asked(&solo) && solo.said().is_empty(), "{filter:x?}");
        assert!(solo.is_well());
    }
}

proptest! {
    #[test]
    fn an_expression_is_quoted_by_q_and_e(text in "[^\\\\]{0,20}", value in ".{0,20}") {
        let mut solo = tagged(&value);
        hear_expr(&mut solo, &format!(r"\Q{text}\E"));
        prop_assert_eq!(is_asked(&solo), value.contains(&text));
    }

    #[test]
    fn whatever_an_expression_is_the_node_goes_on(
        expr in r"([a-z(){}\[\]|*+?.^$\\:\-&~<>,QEPpxdwsbBDL0-9é]|\(\?i\)|\\p\{|\[:|:\]|\{1000\}){0,40}",
        value in "[a-z\\n1é-]{0,10}",
    ) {
        let mut solo = tagged(&value);
        hear_expr(&mut solo, &expr);
        let found = is_asked(&solo);
        let mut solo = tagged(&value);
        let asked = ask(&mut solo, &expr);
        prop_assert!(asked.is_ok() || !found);
        prop_assert_eq!(is_asked(&solo), found);
        prop_assert!(solo.is_well());
    }
}
