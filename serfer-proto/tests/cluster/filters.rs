//! Filters of queries: what they travel as, whom they match, and expressions as Go reads them.

use proptest::prelude::*;
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::serf_message::{FLAG_ACK, Filter, Query, SerfMessage, TagFilter};
use serfer_proto::{Event, ExprProblem, QueryError, QueryParams};

use crate::craft::user;
use crate::go_regex::{Row, Verdict, rows};
use crate::solo::Solo;
use crate::support::lan;

/// Node 0 with a tag.
fn tagged(value: &str) -> Solo {
    Solo::among(lan(0).tag("t", value).unwrap(), 1)
}

fn is_asked(solo: &Solo) -> bool {
    solo.events.iter().any(|event| matches!(event, Event::Query(_)))
}

/// Node 1 asks, with this filter.
fn hear_query(solo: &mut Solo, filter: &[u8]) {
    let filters = SeqBuf::of([filter]);
    solo.hear(
        1,
        &user(&SerfMessage::Query(Query {
            addr: &[10, 0, 0, 2],
            filters: filters.as_seq(),
            flags: FLAG_ACK,
            id: 7,
            ltime: 3,
            name: "load".into(),
            port: 7946,
            source_node: "n1".into(),
            timeout: 1_000_000_000,
            ..Query::default()
        })),
    );
}

fn hear_expr(solo: &mut Solo, expr: &str) {
    let mut filter = Vec::new();
    Filter::Tag(TagFilter { expr: expr.into(), tag: "t".into() }).encode(&mut filter);
    hear_query(solo, &filter);
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

#[test]
fn a_broken_filter_matches_nobody() {
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
