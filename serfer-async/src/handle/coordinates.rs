//! Round trip times between members, from the handle of any of them.

use std::time::Duration;

use serfer_proto::{Coordinate, Neighbor};

use super::member_filter::MemberFilter;
use super::serfer::Serfer;

impl Serfer {
    /// Our own coordinate in the space of round trip times, by the pings so far. `None` if coordinates are
    /// [turned off](serfer_proto::Config::coordinates) or the node is broken by a bug.
    pub fn coordinate(&self) -> Option<Coordinate> {
        self.shared().with(|state| state.endpoint.coordinate().copied()).ok().flatten()
    }

    /// The coordinate of the member of a name, as it said itself; another member says so in its acks. `None`
    /// if it has not said so yet.
    pub fn coordinate_of(&self, name: &str) -> Option<Coordinate> {
        self.shared().with(|state| state.endpoint.coordinate_of(name).copied()).ok().flatten()
    }

    /// The estimated round trip time between the members of two names; neither has to be us. `None` unless
    /// the coordinates of both are known.
    pub fn distance(&self, a: &str, b: &str) -> Option<Duration> {
        self.shared().with(|state| state.endpoint.distance(a, b)).ok().flatten()
    }

    /// The other members that are alive and nearest to us, at most `count`, the nearest first. A member that we
    /// have not pinged yet is left out: a node that has just joined knows of none, and pings one in each
    /// [probe interval](serfer_proto::Probe).
    pub fn nearest(&self, count: usize) -> Vec<Neighbor> {
        self.shared().with(|state| state.endpoint.nearest(count)).unwrap_or_default()
    }

    /// The nearest of the other members that are alive and match `filter`, at most `count`, the nearest first.
    /// Some may be missing at first, as with [`nearest`](Self::nearest).
    ///
    /// ```
    /// # fn example(serf: &serfer_async::Serfer) -> Result<(), serfer_async::PatternError> {
    /// let cache = serfer_async::MemberFilter::new().tag("role", "cache")?;
    /// for near in serf.nearest_where(3, &cache) {
    ///     println!("{} is {:?} away", near.member.name(), near.rtt);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn nearest_where(&self, count: usize, filter: &MemberFilter) -> Vec<Neighbor> {
        let mut neighbors = self.within(Duration::MAX);
        neighbors.retain(|neighbor| filter.matches(&neighbor.member));
        neighbors.truncate(count);
        neighbors
    }

    /// The other members that are alive and to which a round trip takes no longer than `rtt`, as far
    /// as we know, the nearest first.
    pub fn within(&self, rtt: Duration) -> Vec<Neighbor> {
        self.shared().with(|state| state.endpoint.within(rtt)).unwrap_or_default()
    }
}
