//! What keeps clusters apart that share a network.

use crate::api::error::ConfigFault;

/// Keeps clusters that share a network apart: 1 to 255 bytes, sent in the clear. `serf agent` has
/// none, so a node with a label cannot join one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label(Box<[u8]>);

impl Label {
    /// Takes a label of 1 to 255 bytes.
    ///
    /// # Errors
    /// If it is shorter or longer.
    pub fn new(label: impl AsRef<[u8]>) -> Result<Self, ConfigFault> {
        let label = label.as_ref();
        match label.len() {
            1..=255 => Ok(Self(label.into())),
            len => Err(ConfigFault::LabelLen { len }),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
