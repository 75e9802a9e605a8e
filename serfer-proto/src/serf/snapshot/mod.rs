//! The snapshot of this node: what is written down so that the next run can go on from here.
//!
//! The rooms of [`serf`](super) enter with what is to be recorded. Read [`writer`] first: the lines
//! that wait and the file they go to, without knowing of `Serf`. [`recording`] says which events become
//! lines and when they are stored; [`missing`] is about the members that the previous run knew. How a
//! snapshot is read is in [`crate::snapshot`].

pub(crate) mod missing;
pub(crate) mod recording;
pub(crate) mod writer;
