//! Lists and maps inside a message, kept in their encoded form.
//!
//! A list in a decoded message borrows its stretch of the input. Its elements are checked once, and
//! decoded again one by one when they are iterated. So decoding never allocates, however long the list
//! claims to be. To send one, its elements are first encoded into a [`SeqBuf`].

use std::marker::PhantomData;

use crate::wire::msgpack::{DecodeError, Reader, Value, put_array, put_map, put_nil};

/// An element of a [`Seq`]: a value, or a pair of values in a map.
pub trait Element<'a>: Sized {
    /// Whether the sequence is a map and this is a key with its value.
    const IN_MAP: bool;

    /// Appends the element.
    fn put_element(&self, out: &mut Vec<u8>);

    /// Reads the element.
    ///
    /// # Errors
    /// Whatever keeps the input from being such an element.
    fn take_element(from: &mut Reader<'a>) -> Result<Self, DecodeError>;
}

/// A list of values, or a map when `T` is a pair.
pub struct Seq<'a, T> {
    /// `None` is Go's nil list, which is written differently from an empty one.
    len: Option<usize>,
    elements: &'a [u8],
    of: PhantomData<fn() -> T>,
}

impl<'a, T: Element<'a>> Seq<'a, T> {
    /// Go's nil list.
    pub const NIL: Self = Self { len: None, elements: &[], of: PhantomData };

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.len.unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements, in the order they were sent.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        let mut reader = Reader::new(self.elements);
        (0..self.len()).map_while(move |_| T::take_element(&mut reader).ok())
    }

    /// The `len` elements at the front of `from`, without a head before them.
    pub(in crate::wire) fn headless(
        from: &mut Reader<'a>,
        len: usize,
    ) -> Result<Self, DecodeError> {
        let start = from.rest();
        for _ in 0..len {
            T::take_element(from)?;
        }
        Ok(Self {
            len: Some(len),
            elements: &start[..start.len() - from.rest().len()],
            of: PhantomData,
        })
    }

    pub(in crate::wire) fn put_headless(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.elements);
    }
}

impl<'a, T: Element<'a>> Value<'a> for Seq<'a, T> {
    fn put(&self, out: &mut Vec<u8>) {
        match self.len {
            None => put_nil(out),
            Some(len) if T::IN_MAP => put_map(out, len),
            Some(len) => put_array(out, len),
        }
        self.put_headless(out);
    }

    fn take(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        if from.nil() {
            return Ok(Self::NIL);
        }
        let len = if T::IN_MAP { from.map_len()? } else { from.array_len()? };
        Self::headless(from, len)
    }
}

impl<'a, T: Value<'a>> Element<'a> for T {
    const IN_MAP: bool = false;

    fn put_element(&self, out: &mut Vec<u8>) {
        self.put(out);
    }
    fn take_element(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Self::take(from)
    }
}

impl<'a, K: Value<'a>, V: Value<'a>> Element<'a> for (K, V) {
    const IN_MAP: bool = true;

    fn put_element(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    fn take_element(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok((K::take(from)?, V::take(from)?))
    }
}

impl<'a, T: Element<'a>> Default for Seq<'a, T> {
    fn default() -> Self {
        Self::NIL
    }
}

impl<T> Clone for Seq<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Seq<'_, T> {}

impl<T> PartialEq for Seq<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.elements == other.elements
    }
}

impl<T> Eq for Seq<'_, T> {}

impl<'a, T: Element<'a> + std::fmt::Debug> std::fmt::Debug for Seq<'a, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// How far a list has been read. It keeps no borrow of the bytes that the list is in, and must get the same
/// ones each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeqCursor {
    at: usize,
    left: usize,
}

impl SeqCursor {
    /// Starts on `len` elements, the first of which is at `at`.
    pub(in crate::wire) fn new(at: usize, len: usize) -> Self {
        Self { at, left: len }
    }

    /// Where the next element is.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// How many elements are still to come.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// The next element.
    ///
    /// # Errors
    /// If it is broken.
    pub(crate) fn next<'a, T: Element<'a>>(
        &mut self,
        bytes: &'a [u8],
    ) -> Result<Option<T>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        let reader = &mut Reader::new(self.rest(bytes));
        let element = T::take_element(reader)?;
        self.at = bytes.len() - reader.rest().len();
        self.left -= 1;
        Ok(Some(element))
    }

    /// Checks the next `count` elements, or those that there are.
    ///
    /// # Errors
    /// If one is broken.
    pub(in crate::wire) fn skip<'a, T: Element<'a>>(
        &mut self,
        bytes: &'a [u8],
        count: usize,
    ) -> Result<(), DecodeError> {
        let (reader, count) = (&mut Reader::new(self.rest(bytes)), count.min(self.left));
        for _ in 0..count {
            T::take_element(reader)?;
        }
        self.at = bytes.len() - reader.rest().len();
        self.left -= count;
        Ok(())
    }

    /// What has not been read.
    pub(in crate::wire) fn rest<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.at..).unwrap_or_default()
    }
}

/// Builds a [`Seq`] to be sent. Keeps its memory when cleared.
#[derive(Clone, Debug, Default)]
pub struct SeqBuf {
    len: usize,
    elements: Vec<u8>,
}

impl SeqBuf {
    /// Encodes `elements` one after another.
    pub fn of<'a, T: Element<'a>>(elements: impl IntoIterator<Item = T>) -> Self {
        let mut buf = Self::default();
        for element in elements {
            buf.push(&element);
        }
        buf
    }

    /// Appends one element. All elements of one buffer must be of one type.
    pub fn push<'a, T: Element<'a>>(&mut self, element: &T) {
        self.len += 1;
        element.put_element(&mut self.elements);
    }

    /// The sequence put together so far.
    pub fn as_seq<'a, T: Element<'a>>(&'a self) -> Seq<'a, T> {
        Seq { len: Some(self.len), elements: &self.elements, of: PhantomData }
    }

    /// The sequence put together so far, or Go's nil list if there is nothing in it.
    pub fn as_seq_or_nil<'a, T: Element<'a>>(&'a self) -> Seq<'a, T> {
        if self.len == 0 { Seq::NIL } else { self.as_seq() }
    }

    /// Empties the buffer.
    pub fn clear(&mut self) {
        self.len = 0;
        self.elements.clear();
    }
}
