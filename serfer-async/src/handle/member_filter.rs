//! Some of the members: by status, name and tags.

use serfer_proto::{Member, Status};

use crate::pattern::{Pattern, PatternError};

/// Which members are meant, by what this node knows of them. Without any condition, all are.
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
/// It fits what [`Serfer::subscribe`](crate::Serfer::subscribe) and events tell, too: see
/// [`matches`](Self::matches). To ask some members only, give
/// [`QueryParams`](crate::QueryParams) filters instead, which travel with the query.
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

    /// Only members of this status, and of others that are named in the same way.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.statuses.push(status);
        self
    }

    /// Only members whose name matches this [`Pattern`], and those that match others named in the
    /// same way.
    ///
    /// # Errors
    /// If it is no pattern.
    pub fn name(mut self, pattern: impl AsRef<str>) -> Result<Self, PatternError> {
        self.names.push(Pattern::new(pattern)?);
        Ok(self)
    }

    /// Only members whose tag matches this [`Pattern`]; a tag that is not set has an empty value.
    /// All tags that are named must match.
    ///
    /// # Errors
    /// If it is no pattern.
    pub fn tag(
        mut self,
        tag: impl Into<String>,
        pattern: impl AsRef<str>,
    ) -> Result<Self, PatternError> {
        self.tags.push((tag.into(), Pattern::new(pattern)?));
        Ok(self)
    }

    /// Whether a member is meant.
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

    fn is_meant(
        change: impl FnOnce(MemberFilter) -> Result<MemberFilter, PatternError>,
    ) -> Result<bool, PatternError> {
        Ok(change(MemberFilter::new())?.matches(&member()))
    }

    #[test]
    fn a_member_is_meant_that_every_kind_of_condition_fits() {
        assert_eq!(is_meant(Ok), Ok(true), "no condition, no exception");
        for (fits, change) in [
            (true, is_meant(|it| Ok(it.status(Status::Alive)))),
            (true, is_meant(|it| Ok(it.status(Status::Left).status(Status::Alive)))),
            (false, is_meant(|it| Ok(it.status(Status::Left)))),
            (true, is_meant(|it| it.name("web-*"))),
            (true, is_meant(|it| it.name("db-*")?.name("web-1"))),
            (false, is_meant(|it| it.name("web"))),
            (true, is_meant(|it| it.tag("role", "front")?.tag("zone", "eu/?"))),
            (false, is_meant(|it| it.tag("role", "front")?.tag("zone", "us/*"))),
            (false, is_meant(|it| it.tag("rack", "?*"))),
            (true, is_meant(|it| it.tag("rack", ""))),
            (false, is_meant(|it| it.status(Status::Failed).name("web-*"))),
        ] {
            assert_eq!(change, Ok(fits));
        }
        assert!(is_meant(|it| it.name("web-[")).is_err());
        assert!(is_meant(|it| it.tag("role", "{")).is_err());
    }
}
