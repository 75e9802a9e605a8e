//! The files of a node, where a user, a machine or a container has trouble with them.

mod mounts;
mod shared;

use super::{
    Adapter, KEY, adapter, addr, builder, own_ip, plain_builder, run, spawn, start, until,
};

/// base64 of `AnotherSecret123`
const OTHER: &str = "QW5vdGhlclNlY3JldDEyMw==";
