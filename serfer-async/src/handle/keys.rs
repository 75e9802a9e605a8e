//! The keys of a cluster, from the handle of any of its members.

use serfer_proto::{
    KeyError, KeyOp, KeyParams, KeyReport, RotationParams, RotationReport, SecretKey,
};

use super::serfer::Serfer;
use crate::error::Error;

/// Each of these asks all members, ourselves included, and waits until all members that are alive have
/// answered, or the time for that is up. The report names the members that could not do it. Only one call at
/// a time can change keys.
impl Serfer {
    /// Adds a key to the keyring of all members, which then try it on what they receive.
    ///
    /// # Errors
    /// If keys are being changed already, this node does not require encryption, the members cannot be
    /// asked, or the node is shut down.
    pub async fn install_key(&self, key: SecretKey) -> Result<KeyReport, Error> {
        self.manage_key(KeyOp::Install(key), KeyParams::default()).await
    }

    /// Makes a key the primary key of all members, which must have installed it. While messages are under
    /// way, [`rotate_key`](Self::rotate_key) is safer.
    ///
    /// # Errors
    /// As [`install_key`](Self::install_key).
    pub async fn use_key(&self, key: SecretKey) -> Result<KeyReport, Error> {
        self.manage_key(KeyOp::Use(key), KeyParams::default()).await
    }

    /// Removes a key from all members. It must not be their primary key.
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
        let asking = self.shared().ask::<_, KeyError, _>(|state, now, sender| {
            let query = state.endpoint.manage_key(now, op, params)?;
            state.calls.key_reports.insert(query, sender);
            Ok(())
        });
        asking.await
    }

    /// Makes a new key the primary key of all members, and removes the old one. No message is lost and no
    /// member is cut off on the way: the key is installed everywhere, then used everywhere, and then the old
    /// one is removed. No step begins before all live members have done the one before.
    ///
    /// If the future is dropped, the rotation goes on.
    ///
    /// # Errors
    /// As [`install_key`](Self::install_key), and [`Error::Rotation`] if a member holds it up. The cluster
    /// then works as before, with both keys in use. Look after the members that the error names, and rotate
    /// to the same key again.
    pub async fn rotate_key(&self, new: SecretKey) -> Result<RotationReport, Error> {
        self.rotate_key_with(new, RotationParams::default()).await
    }

    /// As [`rotate_key`](Self::rotate_key), and says which keys are removed, and how long to wait and retry.
    ///
    /// # Errors
    /// As [`rotate_key`](Self::rotate_key).
    pub async fn rotate_key_with(
        &self,
        new: SecretKey,
        params: RotationParams,
    ) -> Result<RotationReport, Error> {
        let rotating = self.shared().ask::<_, KeyError, Error>(|state, now, sender| {
            state.endpoint.rotate_key(now, new, params)?;
            state.calls.rotation = Some(sender);
            Ok(())
        });
        Ok(rotating.await??)
    }
}
