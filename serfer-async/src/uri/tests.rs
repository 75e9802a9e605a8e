//! What event URIs mean, which are invalid, and that text and value are the same.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;
use crate::node::testing::{Notes, TestNode};
use crate::router::Router;

fn uri(text: &str) -> EventUri {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// Everything that a URI says, in words.
fn described(text: &str) -> String {
    let uri = uri(text);
    let hosts: Vec<_> = uri.hosts().iter().map(Pattern::as_str).collect();
    let tags = uri.tags().map(|(tag, value)| format!("{tag}: {}", value.expression()));
    let tags: Vec<_> = tags.collect();
    let payload = String::from_utf8_lossy(uri.payload());
    let (kind, name) = (uri.kind(), uri.name());
    let name = name.name().map_or_else(|| format!("glob {name}"), str::to_owned);
    format!("{kind} {name} [{}] {{{}}} {payload}", hosts.join(" "), tags.join(" "))
}

#[test]
fn each_part_says_what_the_docs_say() {
    let table = [
        ("serf:///event/deploy", "event deploy [] {} "),
        ("serf:///event/kubekit/deploy?payload=wave", "event kubekit/deploy [] {} wave"),
        (
            "serf://host01,host02,host1?/query/kubekit-*/stats?role=worker",
            "query glob kubekit-*/stats [host01 host02 host1?] {role: ^worker$} ",
        ),
        (
            "serf:///query/kubekit-*/stats?role=master",
            "query glob kubekit-*/stats [] {role: ^master$} ",
        ),
        ("serf:///query/a?payload=p;dc=eu;role=web", "query a [] {dc: ^eu$ role: ^web$} p"),
        ("serf:///query/a?payload=p&dc=eu&role=web", "query a [] {dc: ^eu$ role: ^web$} p"),
        ("serf:///query/a?;role=web;", "query a [] {role: ^web$} "),
        ("serf:///query/a?role=~^web|db", "query a [] {role: ^web|db} "),
        ("serf:///query/a?role=%7Eweb", "query a [] {role: ^\\~web$} "),
        ("serf:///query/a?v=1.2%2B3", "query a [] {v: ^1\\.2\\+3$} "),
        ("serf:///query/a?v=", "query a [] {v: ^$} "),
        ("serf:///query/a?%70ayload=x", "query a [] {payload: ^x$} "),
        ("serf:///query/a?payload=a=b+c?d", "query a [] {} a=b+c?d"),
        ("serf:///event/a%2Ab%3F?payload=%00%0A", "event a*b? [] {} \0\n"),
        ("serf://we%2A,x%2Cy,*/query/a", "query a [we\\* x,y *] {} "),
        ("SERF:///query/gr%C3%BC%C3%9Fe", "query grüße [] {} "),
        ("serf:///query/grüße", "query grüße [] {} "),
        ("serf:///query/event/query", "query event/query [] {} "),
    ];
    for (text, expected) in table {
        assert_eq!(described(text), expected, "{text}");
        assert_eq!(uri(&uri(text).to_string()), uri(text), "{text}");
    }
}

#[test]
fn an_invalid_event_uri_says_which_part_is_wrong_and_what_to_do() {
    let table = [
        ("", "does not begin with serf://"),
        ("http:///event/a", "does not begin with serf://"),
        ("serf:/event/a", "does not begin with serf://"),
        ("serf://host", "does not begin with serf://, hosts or none, and a slash"),
        ("serf:///", "\"\" stands where it has to say event or query"),
        ("serf:///deploy", "\"deploy\" stands where it has to say event or query"),
        ("serf:///querry/a", "\"querry\" stands where"),
        ("serf:///event", "has no name"),
        ("serf:///event/", "has no name"),
        ("serf:///event/a//b", "name \"a//b\" has an empty part"),
        ("serf:///event/a/", "name \"a/\" has an empty part"),
        ("serf://a,,b/query/q", "a host is empty"),
        ("serf://a,/query/q", "a host is empty"),
        (
            "serf://host1/event/a",
            "a user event goes to everybody, not only to \"host1\"; use a query",
        ),
        ("serf:///event/a?role=web", "whatever its tag \"role\"; use a query"),
        ("serf:///query/a?role", "\"role\" has no value; write role=VALUE"),
        ("serf:///query/a?=web", "a value has no tag"),
        ("serf:///query/a?role=a&role=b", "\"role\" is given twice"),
        ("serf:///query/a?payload=&payload=", "\"payload\" is given twice"),
        ("serf:///query/a%4", "name \"a%4\" has a % without two hexadecimal digits"),
        ("serf:///query/a?v=%zz", "value \"%zz\" has a % without"),
        ("serf:///query/a?v=%é", "value \"%é\" has a % without"),
        ("serf:///query/%FF", "name \"%FF\" is not UTF-8"),
        ("serf:///query/a?v=%FF", "value \"%FF\" is not UTF-8"),
        ("serf:///query/a b", "name \"a b\" has a ' ', which must be written as %20"),
        ("serf:///query/a?v=x#y", "value \"x#y\" has a '#', which must be written as %23"),
        ("serf://[::1]/query/a", "host \"[::1]\" has a '[', which must be written as %5B"),
        ("serf:///query/{a,b}", "name \"{a,b}\" has a '{'"),
    ];
    for (text, expected) in table {
        let error = text.parse::<EventUri>().unwrap_err();
        assert!(error.problem.to_string().contains(expected), "{text}: {}", error.problem);
        assert_eq!(error.to_string(), format!("event URI {text:?}: {}", error.problem));
    }
    let long = format!("serf:///event/a?payload={}", "x".repeat(1 << 16));
    let error = long.parse::<EventUri>().unwrap_err();
    assert_eq!(error.problem, UriProblem::TooLong { len: 24 + (1 << 16) });
    assert!(error.uri.len() < 300);
}

#[test]
fn the_builder_refuses_what_the_parser_does() {
    let problem = |result: Result<EventUri, UriError>| result.unwrap_err().problem.to_string();
    let query = || EventUri::query("q").unwrap();
    let event = || EventUri::event("e").unwrap();
    assert!(problem(EventUri::event("")).contains("no name"));
    assert!(problem(EventUri::query("a//b")).contains("empty part"));
    assert!(problem(event().host("a")).contains("use a query"));
    assert!(problem(event().tag("a", "b")).contains("use a query"));
    assert!(problem(query().host("")).contains("host is empty"));
    assert!(problem(query().host("[ab]")).contains("written as %5B"));
    assert!(problem(query().host("a\\")).contains("dangling"));
    assert!(problem(query().host("a".repeat(2000))).contains("longer than 1024 bytes"));
    assert!(problem(query().tag("", "b")).contains("no tag"));
    let error = query().tag("a", "b").unwrap().tag("a", "c").unwrap_err();
    assert_eq!(error.to_string(), "event URI \"serf:///query/q?a=b\": \"a\" is given twice");
}

#[test]
fn what_a_uri_says_is_sent() {
    let notes = Notes::default();
    let noted = notes.clone();
    let router = Router::new()
        .user_events(move |event| {
            noted.add(format!("{} {}", event.name, String::from_utf8_lossy(&event.payload)));
        })
        .query(&uri("serf:///query/kubekit-*/stats"), |request| request.name.to_string())
        .queries(|request| request.payload.clone());
    let node = TestNode::with(router);
    let send = |text: &str| node.serf.send(&uri(text)).map_err(|error| error.to_string());
    let reply = |text: &str| match send(text) {
        Ok(Sent::Query(mut replies)) => node.reply(&mut replies),
        other => panic!("{other:?}"),
    };

    assert!(matches!(send("serf:///event/kubekit/deploy?payload=wave"), Ok(Sent::Event)));
    node.settle();
    assert_eq!(notes.take(), ["kubekit/deploy wave"]);

    let stats = reply("serf:///query/kubekit-1/stats");
    assert_eq!(stats.as_deref(), Some("kubekit-1/stats"), "a URI is a route");
    let asked = ["", "alone", "al*", "?????", "*", "other,alone"];
    for hosts in asked {
        let answer = reply(&format!("serf://{hosts}/query/q?payload=here"));
        assert_eq!(answer.as_deref(), Some("here"), "{hosts}");
    }
    assert_eq!(reply("serf://other/query/q?payload=here"), None);
    assert_eq!(reply("serf:///query/q?payload=here;role=web"), None);
    assert_eq!(reply("serf:///query/q?payload=here;role=").as_deref(), Some("here"));
    node.serf.set_tag("role", "web.1").unwrap();
    assert_eq!(reply("serf:///query/q?payload=here;role=web.1").as_deref(), Some("here"));
    assert_eq!(reply("serf:///query/q?payload=here;role=web"), None);
    assert_eq!(reply("serf:///query/q?payload=here;role=~web").as_deref(), Some("here"));
    let odd = r"a-b~c#d&e*f?g(h)[i]{j}|k\l^m$n o/p";
    node.serf.set_tag("odd", odd).unwrap();
    let asked = EventUri::query("q").unwrap().tag("odd", odd).unwrap().with_payload("odd");
    assert_eq!(reply(&asked.to_string()).as_deref(), Some("odd"));

    let error = send("serf://web-*/query/q").unwrap_err();
    assert!(error.contains("none of the 1 members alive matches host \"web-*\""), "{error}");
    let error = send("serf:///query/kubekit-*/stats").unwrap_err();
    assert!(error.contains("name \"kubekit-*/stats\" is a glob; what is sent has one name"));
    assert!(send("serf:///event/kubekit-*/stats").unwrap_err().contains("is a glob"));
}

fn any_uri() -> impl Strategy<Value = EventUri> {
    let value =
        prop_oneof![".{0,12}".prop_map(TagValue::Exactly), ".{0,12}".prop_map(TagValue::Matching),];
    let host = r"([a-z0-9.,~%*?]|\\[*?\[\]{}\\]|\\a|é| |/){1,10}";
    let parts = (
        any::<bool>(),
        "[^/]{1,6}(/[^/]{1,6}){0,3}",
        vec(host, 0..4),
        vec(any::<u8>(), 0..20),
        btree_map(prop_oneof![".{1,8}", Just("payload".to_owned())], value, 0..4),
    );
    parts.prop_map(|(is_event, name, hosts, payload, tags)| {
        if is_event {
            return EventUri::event(name).unwrap().with_payload(payload);
        }
        let uri = EventUri::query(name).unwrap().with_payload(payload);
        let uri = hosts.into_iter().fold(uri, |uri, host| uri.host(host).unwrap());
        tags.into_iter().fold(uri, |uri, (tag, value)| uri.tag(tag, value).unwrap())
    })
}

proptest! {
    #[test]
    fn text_and_value_are_the_same(uri in any_uri()) {
        let text = uri.to_string();
        prop_assert!(text.is_ascii(), "{}", text);
        prop_assert_eq!(text.parse(), Ok(uri));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in r"serf://[a*?,%]{0,5}/(event|query)/[a-z/*%?2A\[é]{0,8}[?&;=~%a#]{0,12}") {
        if let Ok(uri) = text.parse::<EventUri>() {
            prop_assert_eq!(uri.to_string().parse(), Ok(uri));
        }
    }
}
