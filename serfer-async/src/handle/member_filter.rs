//! A choice of members by status, name and tags.

use serfer_proto::{Member, Status};

use crate::pattern::{Pattern, PatternError};

/// Which members to choose, by what this node knows of them. Without any condition, all members match.
///
/// ```
/// # fn example(serf: &serfer_async::Serfer) -> Result<(), serfer_async::PatternError> {
/// use serfer_async::{MemberFilter, Status};
///
/// let web = MemberFilter::new().status(Status::Alive).name("web-*")?.tag("role", "front")?;
/// for member in serf.members_where(&web) {
///     println!("{} at {}", member.name(), member.addr());
/// }
/// # Ok(())
/// # }
/// ```
///
/// It can be applied to what [`Serfer::subscribe`](crate::Serfer::subscribe) and events say as well: see
/// [`matches`](Self::matches). To query only some members, use the filters of
/// [`QueryParams`](crate::QueryParams) instead, which travel with the query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberFilter {
    statuses: Vec<Status>,
    names: Vec<Pattern>,
    tags: Vec<(String, Pattern)>,
}

impl MemberFilter {
    /// All members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only members of this status. May be called again, to allow another status as well.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.statuses.push(status);
        self
    }

    /// Only members whose name matches this [`Pattern`]. May be called again, to allow names that match
    /// another pattern as well.
    ///
    /// # Errors
    /// If the pattern is invalid.
    pub fn name(mut self, pattern: impl AsRef<str>) -> Result<Self, PatternError> {
        self.names.push(Pattern::new(pattern)?);
        Ok(self)
    }

    /// Only members whose tag matches this [`Pattern`]. A tag that is not set has an empty value. May be
    /// called again: then all tags must match.
    ///
    /// # Errors
    /// If the pattern is invalid.
    pub fn tag(
        mut self,
        tag: impl Into<String>,
        pattern: impl AsRef<str>,
    ) -> Result<Self, PatternError> {
        self.tags.push((tag.into(), Pattern::new(pattern)?));
        Ok(self)
    }

    /// Whether a member matches.
    pub fn matches(&self, member: &Member) -> bool {
        let any_of = |patterns: &[Pattern], name: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(name))
        };
        (self.statuses.is_empty() || self.statuses.contains(&member.status()))
            && any_of(&self.names, member.name())
            && self.has_tags(member)
    }

    /// Decodes tags only if some are asked for.
    fn has_tags(&self, member: &Member) -> bool {
        if self.tags.is_empty() {
            return true;
        }
        let tags = member.tags();
        self.tags.iter().all(|(tag, pattern)| pattern.matches(tags.get(tag).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serfer_proto::{Config, Endpoint};

    use super::*;

    fn member() -> Member {
        let config = Config::lan("web-1").advertise("127.0.0.1:7946".parse().unwrap());
        let config = config.tag("role", "front").unwrap().tag("zone", "eu/1").unwrap();
        Endpoint::new(config, [0; 32], Instant::now()).unwrap().local_member().clone()
    }

    fn matches(
        change: impl FnOnce(MemberFilter) -> Result<MemberFilter, PatternError>,
    ) -> Result<bool, PatternError> {
        Ok(change(MemberFilter::new())?.matches(&member()))
    }

    #[test]
    fn a_member_matches_if_it_meets_conditions_of_every_kind() {
        assert_eq!(matches(Ok), Ok(true), "without a condition, every member matches");
        for (expected, matched) in [
            (true, matches(|it| Ok(it.status(Status::Alive)))),
            (true, matches(|it| Ok(it.status(Status::Left).status(Status::Alive)))),
            (false, matches(|it| Ok(it.status(Status::Left)))),
            (true, matches(|it| it.name("web-*"))),
            (true, matches(|it| it.name("db-*")?.name("web-1"))),
            (false, matches(|it| it.name("web"))),
            (true, matches(|it| it.tag("role", "front")?.tag("zone", "eu/?"))),
            (false, matches(|it| it.tag("role", "front")?.tag("zone", "us/*"))),
            (false, matches(|it| it.tag("rack", "?*"))),
            (true, matches(|it| it.tag("rack", ""))),
            (false, matches(|it| it.status(Status::Failed).name("web-*"))),
        ] {
            assert_eq!(matched, Ok(expected));
        }
        assert!(matches(|it| it.name("web-[")).is_err());
        assert!(matches(|it| it.tag("role", "{")).is_err());
    }
}
