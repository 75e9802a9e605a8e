//! Network coordinates: estimates of the round trip time between any two members.
//!
//! memberlist enters with each ack, the endpoint to look. Read [`coordinate`] and [`vivaldi`], which
//! are mathematics and know nothing of members. Then [`estimates`], which has the coordinates of all
//! members, [`ping_delegate`], by which they come, and [`neighbors`], by which the application sees
//! them.

pub(crate) mod coordinate;
pub(crate) mod estimates;
pub(crate) mod neighbors;
pub(crate) mod ping_delegate;
pub(crate) mod vivaldi;
