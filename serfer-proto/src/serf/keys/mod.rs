//! Keys at run time: changed, listed and rotated by queries to all members.
//!
//! Other rooms enter through methods of `Serf` only: the [queries](super::queries) do, with each query about
//! keys, and with the answers to this node's own.
//!
//! Read [`handlers`] with [`list`], which is what a member does when it is asked, and [`storing`], in which its
//! changes wait for the keyring file; then [`manager`], which
//! asks all members; then [`rotation`], which is a series of such questions. [`redact`] keeps keys out
//! of traces.

pub(crate) mod handlers;
pub(crate) mod list;
pub(crate) mod manager;
pub(crate) mod redact;
pub(crate) mod rotation;
pub(crate) mod storing;
