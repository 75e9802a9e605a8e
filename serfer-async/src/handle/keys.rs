//! The keys of a cluster, from the handle of any of its members.

use serfer_proto::{
    KeyOp, KeyParams, KeyReport, RotationParams, RotationReport, RotationStopped, SecretKey,
};

use crate::error::Error;
use crate::handle::serfer::Serfer;

/// What becomes of a rotation.
pub(crate) type Rotated = Result<RotationReport, RotationStopped>;

/// Each of these asks all members, ourselves included, and waits until everybody who is alive has
/// answered, or the time for that is up. Whoever could not do it is named in the report. Keys are
/// changed by one call at a time.
impl Serfer {
    /// Adds a key to those that all members try on what they receive.
    ///
    /// # Errors
    /// If keys are being changed already, this node does not require encryption, the members cannot be
    /// asked, or the node is shut down.
    pub async fn install_key(&self, key: SecretKey) -> Result<KeyReport, Error> {
        self.manage_key(KeyOp::Install(key), KeyParams::default()).await
    }

    /// Has all members seal with a key, which they must have installed. To change keys while messages
    /// are under way, [`rotate_key`](Self::rotate_key) is safer.
    ///
    /// # Errors
    /// As [`install_key`](Self::install_key).
    pub async fn use_key(&self, key: SecretKey) -> Result<KeyReport, Error> {
        self.manage_key(KeyOp::Use(key), KeyParams::default()).await
    }

    /// Removes a key from all members, which must not be their primary.
    ///
    /// # Errors
    /// As [`install_key`](Self::install_key).
    pub async fn remove_key(&self, key: SecretKey) -> Result<KeyReport, Error> {
        self.manage_key(KeyOp::Remove(key), KeyParams::default()).await
    }

    /// The keys of all members.
    ///
    /// # Errors
    /// If the members cannot be asked, or the node is shut down.
    pub async fn list_keys(&self) -> Result<KeyReport, Error> {
        self.manage_key(KeyOp::List, KeyParams::default()).await
    }

    /// Does any of the above, and says how members are asked.
    ///
    /// # Errors
    /// As [`install_key`](Self::install_key).
    pub async fn manage_key(&self, op: KeyOp, params: KeyParams) -> Result<KeyReport, Error> {
        let asking = self.shared().ask(|state, now, waiting| {
            let query = state.endpoint.manage_key(now, op, params)?;
            state.key_reports.insert(query, waiting);
            Ok(())
        });
        asking.await
    }

    /// Makes a new key everybody's primary and removes the old one, so that no message is lost and
    /// nobody is cut off on the way: it is installed everywhere, then used everywhere, and then the old
    /// one is removed. No step begins before all live members have done the one before.
    ///
    /// If the future is dropped, the rotation goes on.
    ///
    /// # Errors
    /// As [`install_key`](Self::install_key), and [`Error::Rotation`] if a member holds it up. The cluster
    /// then works as before, with both keys in use; see to the members that the error names, and rotate to
    /// the same key again.
    pub async fn rotate_key(&self, new: SecretKey) -> Result<RotationReport, Error> {
        self.rotate_key_with(new, RotationParams::default()).await
    }

    /// As [`rotate_key`](Self::rotate_key), and says which keys are removed, and how patiently.
    ///
    /// # Errors
    /// As [`rotate_key`](Self::rotate_key).
    pub async fn rotate_key_with(
        &self,
        new: SecretKey,
        params: RotationParams,
    ) -> Result<RotationReport, Error> {
        let rotating = self.shared().ask(|state, now, waiting| {
            state.endpoint.rotate_key(now, new, params)?;
            state.rotation = Some(waiting);
            Ok(())
        });
        Ok(rotating.await??)
    }
}
