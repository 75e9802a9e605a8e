//! A long message that is put together piece by piece.

/// A message with room in front of it, for what can be written only when the rest is there: lengths and
/// counts. So none of it is moved each time that a layer is put around it.
#[derive(Debug)]
pub(crate) struct LongMessage {
    bytes: Vec<u8>,
    start: usize,
}

/// Enough for all headers that there are, the label included.
const ROOM: usize = 512;

impl LongMessage {
    /// Starts one whose headers will take `room`. If they take more or less, all of it is moved in the end.
    pub(crate) fn with_room(room: usize) -> Self {
        Self { bytes: vec![0; room], start: room }
    }

    /// The message so far, to be appended to.
    pub(crate) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Puts a header in front.
    pub(crate) fn prepend(&mut self, header: &[u8]) {
        match self.start.checked_sub(header.len()) {
            Some(start) => {
                self.bytes[start..self.start].copy_from_slice(header);
                self.start = start;
            }
            None => {
                self.bytes.splice(..self.start, header.iter().copied());
                self.start = 0;
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }

    /// The message, without the room that was left in front of it.
    pub(crate) fn into_vec(mut self) -> Vec<u8> {
        self.bytes.drain(..self.start);
        self.bytes
    }
}

impl Default for LongMessage {
    fn default() -> Self {
        Self::with_room(ROOM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_before_what_was_there() {
        let mut message = LongMessage::default();
        message.end().extend_from_slice(b"body");
        message.prepend(b"head ");
        message.prepend(&[b'x'; ROOM]);
        message.prepend(b"first ");
        assert_eq!(message.len(), message.as_slice().len());
        assert_eq!(message.into_vec(), [&b"first "[..], &[b'x'; ROOM], b"head body"].concat());
    }
}
