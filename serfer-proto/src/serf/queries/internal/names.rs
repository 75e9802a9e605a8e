//! The names of internal queries.

/// The prefix of these names. It is reserved.
pub(crate) const PREFIX: &str = "_serf_";
/// A query that is acked and has no replies. The only one that an application may send.
pub(crate) const PING: &str = "_serf_ping";
/// "Where is the member of this name?" A node asks it when it meets another node of its own name.
pub(crate) const CONFLICT: &str = "_serf_conflict";
/// Adds a key to each member's keyring.
pub(crate) const INSTALL_KEY: &str = "_serf_install-key";
/// Makes a key each member's primary key.
pub(crate) const USE_KEY: &str = "_serf_use-key";
/// Removes a key from each member's keyring.
pub(crate) const REMOVE_KEY: &str = "_serf_remove-key";
/// Lists the keys of each member's keyring.
pub(crate) const LIST_KEYS: &str = "_serf_list-keys";
