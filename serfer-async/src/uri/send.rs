//! Sending an event URI.

use std::collections::BTreeSet;

use serfer_proto::{QueryParams, Status};

use super::{EventUri, UriError, UriKind, UriProblem};
use crate::error::Error;
use crate::handle::query::Replies;
use crate::handle::serfer::Serfer;

/// What became of an event URI.
#[derive(Debug)]
pub enum Sent {
    /// A user event, which is on its way.
    Event,
    /// A query, and the replies to it.
    Query(Replies),
}

impl Serfer {
    /// Sends the event or query of a URI to the members that it names.
    ///
    /// # Errors
    /// If its name is a glob, or no member that is alive matches its hosts; and as
    /// [`user_event`](Self::user_event) or [`query`](Self::query).
    pub fn send(&self, uri: &EventUri) -> Result<Sent, Error> {
        self.send_with(uri, QueryParams::new())
    }

    /// As [`send`](Self::send), with parameters for a query, for example how long to wait. Hosts and tags of
    /// the URI are added to those of `params`. For a user event, `params` are ignored.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_with(&self, uri: &EventUri, params: QueryParams) -> Result<Sent, Error> {
        let glob = || uri.fault(UriProblem::NameIsGlob { name: uri.name.to_string() });
        let name = uri.name.name().ok_or_else(glob)?;
        if uri.kind == UriKind::Event {
            self.user_event(name, &uri.payload)?;
            return Ok(Sent::Event);
        }
        let alive = self.members().into_iter().filter(|member| member.status() == Status::Alive);
        let alive: Vec<String> = alive.map(|member| member.name().to_owned()).collect();
        let nodes = uri.nodes(&alive)?;
        let params = nodes.into_iter().fold(params, QueryParams::node);
        let params = uri
            .tags()
            .fold(params, |params, (tag, value)| params.tag(tag, value.expression().into_owned()));
        Ok(Sent::Query(self.query_with(name, &uri.payload, &params)?))
    }
}

impl EventUri {
    /// Which of these members are asked. If the set is empty, everybody is. A host that is not a glob is
    /// asked whether we know it or not.
    fn nodes<'a>(&'a self, alive: &'a [String]) -> Result<BTreeSet<&'a str>, UriError> {
        let mut nodes = BTreeSet::new();
        for host in &self.hosts {
            match host.name() {
                Some(name) => drop(nodes.insert(name)),
                None if ["*", "**"].contains(&host.as_str()) => return Ok(BTreeSet::new()),
                None => nodes.extend(alive.iter().map(|name| &**name).filter(|n| host.matches(n))),
            }
        }
        let Some(host) = self.hosts.iter().find(|host| host.name().is_none()) else {
            return Ok(nodes);
        };
        if nodes.is_empty() {
            let (host, alive) = (host.to_string(), alive.len());
            return Err(self.fault(UriProblem::NobodyMatches { host, alive }));
        }
        Ok(nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_resolved_to_the_members_that_match() {
        let alive = ["web-1", "web-2", "db-1"].map(str::to_owned);
        let nodes = |hosts: &str| {
            let uri: EventUri = format!("serf://{hosts}/query/q").parse().unwrap();
            let nodes =
                uri.nodes(&alive).map(|nodes| nodes.into_iter().collect::<Vec<_>>().join(" "));
            nodes.map_err(|error| error.problem.to_string())
        };
        let table = [
            ("", ""),
            ("*", ""),
            ("web-1,*", ""),
            ("web-*", "web-1 web-2"),
            ("web-?,db-1", "db-1 web-1 web-2"),
            ("db-?,mail-?", "db-1"),
            ("unknown", "unknown"),
        ];
        for (hosts, expected) in table {
            assert_eq!(nodes(hosts).as_deref(), Ok(expected), "{hosts}");
        }
        let error = nodes("mail-?,cache-?").unwrap_err();
        assert_eq!(error, "none of the 3 members alive matches host \"mail-?\"");
    }
}
