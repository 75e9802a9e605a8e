//! What is known of each member, and what a message about one changes.
//!
//! Every other room comes here with what it hears of a member. Read:
//!
//! - [`swim_member`] and [`list`]: what is kept. [`probe_order`] and [`pick_zones`], two orders over a
//!   [`row_list`], answer who is probed next and who is picked at random; [`successors`], who comes
//!   after us.
//! - [`alive`], [`suspect`] and [`dead`]: a message of each kind, and who decides. [`messages`] writes
//!   them.
//! - [`suspicion`]: how long a suspect has before it counts as dead.
//! - [`claims`]: a name or an address is somebody else's now, as somebody says.

pub(crate) mod alive;
pub(crate) mod claims;
pub(crate) mod dead;
pub(crate) mod list;
pub(crate) mod messages;
pub(crate) mod pick_zones;
pub(crate) mod probe_order;
pub(crate) mod row_list;
pub(crate) mod successors;
pub(crate) mod suspect;
pub(crate) mod suspicion;
pub(crate) mod swim_member;
