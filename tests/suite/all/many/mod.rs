//! Many members, and many nodes in one program.

mod large_cluster;
mod shared_thread;

use super::{
    Adapter, adapter, addr, configured, outlive, own_ip, plain_builder, run, until, within,
};
