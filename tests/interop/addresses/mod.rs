//! Where nodes of ours listen, and at which address agents know them.
//!
//! Read in this order: [`advertised`] (which address), [`moved`] (it changes), [`blocked`] (streams do not get
//! through), [`buffer`] (datagrams wait).

mod advertised;
mod blocked;
mod buffer;
mod moved;

use crate::Case;

pub(crate) fn cases() -> Vec<Case> {
    [blocked::cases(), moved::cases(), buffer::cases(), advertised::cases()]
        .into_iter()
        .flatten()
        .collect()
}
