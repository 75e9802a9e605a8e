//! The tags of a node, from its handle.

use serfer_proto::Tags;

use super::serfer::Serfer;
use crate::error::Error;

impl Serfer {
    /// Our tags.
    pub fn tags(&self) -> Tags {
        self.shared().with(|state| state.endpoint.tags().clone()).unwrap_or_default()
    }

    /// Replaces our tags and tells everybody.
    ///
    /// # Errors
    /// If they are too large, or the node has left or is shut down.
    pub fn set_tags(&self, tags: Tags) -> Result<(), Error> {
        self.shared().call(|state, now| state.endpoint.set_tags(now, tags))
    }

    /// Sets one of our tags, and tells everybody unless it is so already.
    ///
    /// # Errors
    /// As [`set_tags`](Self::set_tags); then nothing has changed.
    pub fn set_tag(&self, key: &str, value: &str) -> Result<(), Error> {
        self.update_tags(|tags| {
            tags.insert(key, value);
        })
    }

    /// Removes one of our tags, and tells everybody if there was one.
    ///
    /// # Errors
    /// As [`set_tags`](Self::set_tags); then nothing has changed.
    pub fn remove_tag(&self, key: &str) -> Result<(), Error> {
        self.update_tags(|tags| {
            tags.remove(key);
        })
    }

    /// Changes our tags, and tells everybody if that changes anything. No change is lost if another thread
    /// changes them at the same time: `change` is then called again, with the new tags.
    ///
    /// # Errors
    /// As [`set_tags`](Self::set_tags); then nothing has changed.
    pub fn update_tags(&self, mut change: impl FnMut(&mut Tags)) -> Result<(), Error> {
        loop {
            let before = self.shared().with(|state| state.endpoint.tags().clone())?;
            let mut after = before.clone();
            change(&mut after);
            if after == before {
                return Ok(());
            }
            let outcome = self.shared().input(|state, now| {
                let is_current = *state.endpoint.tags() == before;
                is_current.then(|| state.endpoint.set_tags(now, after))
            })?;
            if let Some(set) = outcome {
                return Ok(set?);
            }
        }
    }
}
