//! The label of a cluster.

use crate::api::ConfigFault;

/// Keeps clusters apart that share a network: 1 to 255 bytes, sent as plain text. `serf agent` has no
/// label, so a node with a label cannot join it.
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
