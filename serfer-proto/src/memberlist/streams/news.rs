//! What in a push/pull is news to us. In the steady state that is nothing, so nothing is decoded again.

/// The members in a push/pull that have to be merged, in their order.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Where each is in the message.
    places: Vec<u32>,
    /// How many of them are merged.
    merged: usize,
    /// Whether any member is alive and could be one of ours.
    pub(crate) any_fits: bool,
}

impl News {
    /// Notes the member at this place, unless it is alive and all that is said of it is known.
    pub(crate) fn note(&mut self, is_known: bool, place: usize) {
        if is_known {
            self.any_fits = true;
        } else {
            self.places.push(place as u32);
        }
    }

    /// Where the next one to be merged is.
    pub(crate) fn next(&mut self) -> Option<usize> {
        let place = *self.places.get(self.merged)?;
        self.merged += 1;
        Some(place as usize)
    }

    /// How much memory it takes.
    pub(crate) fn memory(&self) -> usize {
        self.places.capacity() * size_of::<u32>()
    }
}
