//! What the tests build on: a [`scene`] with its peers, which are real agents and nodes of ours.

pub(crate) mod agent;
pub(crate) mod by_hand;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod peer;
pub(crate) mod program;
pub(crate) mod rpc;
pub(crate) mod scene;
pub(crate) mod setting;
pub(crate) mod starting;
pub(crate) mod wait;
