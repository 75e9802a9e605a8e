//! What the tests build on: [`cluster`] runs clusters in virtual time over [`network`], and
//! [`solo`] runs one node among peers that a test makes up.

pub(crate) mod cluster;
pub(crate) mod craft;
pub(crate) mod network;
pub(crate) mod solo;
pub(crate) mod support;
pub(crate) mod wrap;
