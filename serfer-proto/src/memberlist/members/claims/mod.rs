//! Claims: a name or an address is somebody else's now, as somebody says.
//!
//! [`alive`](super::alive) enters with each such message. Nobody loses a name or comes back before whoever
//! is at the address was asked, by a ping that names it. Read:
//!
//! - [`address_claim`]: a name turns up at another address; [`own_name`]: if that name is ours;
//!   [`relocation`]: if it is we who move.
//! - [`same_address`]: another name turns up at an address.
//! - [`return_claim`]: a member that left or died is alive, as another node says.

pub(crate) mod address_claim;
pub(crate) mod own_name;
pub(crate) mod relocation;
pub(crate) mod return_claim;
pub(crate) mod same_address;
