//! Reading values, in any form that Go's encoders ever wrote.

use rmp::Marker;

use crate::wire::error::DecodeError;
use crate::wire::msgpack::scan::Scan;

/// The most fields that a message may have, known or not. Those of Go have fifteen at most.
const FIELDS_MAX: usize = 64;

/// The longest value that is stepped over, in bytes.
const SKIP_MAX: usize = 64 << 10;

/// Reads values from the front of a slice.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes the next `len` bytes as they are.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if fewer remain.
    #[inline]
    pub fn raw(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Consumes a key if it is next, in the form in which Go writes it. It is shorter than 32 bytes.
    #[inline(always)]
    pub(crate) fn take_key(&mut self, key: &str) -> bool {
        match self.rest.split_at_checked(1 + key.len()) {
            Some((head, rest))
                if head[0] == 0xa0 | key.len() as u8 && head[1..] == *key.as_bytes() =>
            {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Consumes a `nil` if one is next.
    pub fn nil(&mut self) -> bool {
        let is_nil = self.rest.first() == Some(&0xc0);
        if is_nil {
            self.rest = &self.rest[1..];
        }
        is_nil
    }

    /// Reads a map's head; `nil` is a map without entries.
    ///
    /// # Errors
    /// If no map is next, or it claims more entries than there are bytes.
    #[inline]
    pub fn map_len(&mut self) -> Result<usize, DecodeError> {
        if let [few @ 0x80..=0x8f, ref rest @ ..] = *self.rest {
            self.rest = rest;
            return self.bounded(u32::from(few & 0x0f), 2);
        }
        self.other_map_len()
    }

    /// The same with more entries, or `nil`.
    fn other_map_len(&mut self) -> Result<usize, DecodeError> {
        let len = match self.marker()? {
            Marker::Null => 0,
            Marker::Map16 => u32::from(u16::from_be_bytes(self.be()?)),
            Marker::Map32 => u32::from_be_bytes(self.be()?),
            _ => return Err(DecodeError::WrongType),
        };
        self.bounded(len, 2)
    }

    /// Reads the head of a map whose keys are the fields of a message.
    ///
    /// # Errors
    /// If no map is next, or it has more fields than any message will ever have.
    #[inline]
    pub fn fields_len(&mut self) -> Result<usize, DecodeError> {
        let len = self.map_len()?;
        if len > FIELDS_MAX {
            return Err(DecodeError::TooLarge { max: FIELDS_MAX as u64 });
        }
        Ok(len)
    }

    /// Reads a list's head; `nil` is an empty list.
    ///
    /// # Errors
    /// If no list is next, or it claims more elements than there are bytes.
    pub fn array_len(&mut self) -> Result<usize, DecodeError> {
        let len = match self.marker()? {
            Marker::Null => 0,
            Marker::FixArray(len) => u32::from(len),
            Marker::Array16 => u32::from(u16::from_be_bytes(self.be()?)),
            Marker::Array32 => u32::from_be_bytes(self.be()?),
            _ => return Err(DecodeError::WrongType),
        };
        self.bounded(len, 1)
    }

    /// Reads bytes in any string or binary form.
    ///
    /// # Errors
    /// If none is next, or it is longer than what remains.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        match *self.rest {
            [marker @ 0xa0..=0xbf, ref rest @ ..] => {
                self.rest = rest;
                self.raw(usize::from(marker & 0x1f))
            }
            [0xda, high, low, ref rest @ ..] => {
                self.rest = rest;
                self.raw(usize::from(u16::from_be_bytes([high, low])))
            }
            _ => self.other_bytes(),
        }
    }

    /// The same in the forms that are longer than 64 kB, or that only others write.
    fn other_bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = match self.marker()? {
            Marker::Null => 0,
            Marker::Str8 | Marker::Bin8 => u32::from(u8::from_be_bytes(self.be()?)),
            Marker::Str16 | Marker::Bin16 => u32::from(u16::from_be_bytes(self.be()?)),
            Marker::Str32 | Marker::Bin32 => u32::from_be_bytes(self.be()?),
            _ => return Err(DecodeError::WrongType),
        };
        let len = self.bounded(len, 1)?;
        self.raw(len)
    }

    /// Reads an integer of any width and sign that fits an `i64`.
    ///
    /// # Errors
    /// If no integer is next or it is 2⁶³ or more.
    pub fn int(&mut self) -> Result<i64, DecodeError> {
        Ok(match self.marker()? {
            Marker::Null => 0,
            Marker::FixPos(value) => i64::from(value),
            Marker::FixNeg(value) => i64::from(value),
            Marker::U8 => i64::from(u8::from_be_bytes(self.be()?)),
            Marker::U16 => i64::from(u16::from_be_bytes(self.be()?)),
            Marker::U32 => i64::from(u32::from_be_bytes(self.be()?)),
            Marker::U64 => i64::try_from(u64::from_be_bytes(self.be()?))
                .map_err(|_| DecodeError::OutOfRange)?,
            Marker::I8 => i64::from(i8::from_be_bytes(self.be()?)),
            Marker::I16 => i64::from(i16::from_be_bytes(self.be()?)),
            Marker::I32 => i64::from(i32::from_be_bytes(self.be()?)),
            Marker::I64 => i64::from_be_bytes(self.be()?),
            _ => return Err(DecodeError::WrongType),
        })
    }

    /// Reads an integer of any width and sign that is not negative.
    ///
    /// # Errors
    /// If no integer is next or it is negative.
    #[inline]
    pub fn uint(&mut self) -> Result<u64, DecodeError> {
        let (value, rest) = match *self.rest {
            [small @ 0..=0x7f, ref rest @ ..] => (u32::from(small), rest),
            [0xcd, a, b, ref rest @ ..] => (u32::from(u16::from_be_bytes([a, b])), rest),
            [0xce, a, b, c, d, ref rest @ ..] => (u32::from_be_bytes([a, b, c, d]), rest),
            _ => return self.other_uint(),
        };
        self.rest = rest;
        Ok(u64::from(value))
    }

    /// The same in the forms that are longer than four bytes, or that only others write.
    fn other_uint(&mut self) -> Result<u64, DecodeError> {
        if self.rest.first() == Some(&Marker::U64.to_u8()) {
            self.rest = &self.rest[1..];
            return Ok(u64::from_be_bytes(self.be()?));
        }
        u64::try_from(self.int()?).map_err(|_| DecodeError::OutOfRange)
    }

    /// Reads a floating-point number of any width, or an integer.
    ///
    /// # Errors
    /// If no number is next or it is an integer of 2⁶³ or more.
    pub fn float(&mut self) -> Result<f64, DecodeError> {
        let next = self.rest.first().map(|&byte| Marker::from_u8(byte));
        if !matches!(next, Some(Marker::F32 | Marker::F64)) {
            return Ok(self.int()? as f64);
        }
        Ok(match self.marker()? {
            Marker::F32 => f64::from(f32::from_be_bytes(self.be()?)),
            _ => f64::from_be_bytes(self.be()?),
        })
    }

    /// Reads a boolean, or zero or one in its place.
    ///
    /// # Errors
    /// If neither is next.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.marker()? {
            Marker::Null | Marker::False | Marker::FixPos(0) => Ok(false),
            Marker::True | Marker::FixPos(1) => Ok(true),
            _ => Err(DecodeError::WrongType),
        }
    }

    /// Steps over the next value, whatever it is.
    ///
    /// # Errors
    /// If the input ends first, is not MessagePack, or the value is so long that this would take long.
    pub fn skip(&mut self) -> Result<(), DecodeError> {
        let mut scan = Scan::values(1);
        let within = self.rest.len().min(SKIP_MAX);
        let used = scan.advance(&self.rest[..within])?;
        if !scan.is_done() {
            let is_long = within < self.rest.len();
            let too_large = DecodeError::TooLarge { max: SKIP_MAX as u64 };
            return Err(if is_long { too_large } else { DecodeError::Truncated });
        }
        self.rest = &self.rest[used..];
        Ok(())
    }

    fn marker(&mut self) -> Result<Marker, DecodeError> {
        let (&byte, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(Marker::from_u8(byte))
    }

    fn be<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A claimed number of elements, each at least `bytes_each` long, against what remains.
    #[inline]
    fn bounded(&self, len: u32, bytes_each: usize) -> Result<usize, DecodeError> {
        let len = len as usize;
        if len > self.rest.len() / bytes_each {
            return Err(DecodeError::Truncated);
        }
        Ok(len)
    }
}

/// Where in `whole` a part of it starts, so that it need not be kept borrowed.
pub(crate) fn offset_in(part: &[u8], whole: &[u8]) -> usize {
    if part.is_empty() {
        return 0;
    }
    part.as_ptr() as usize - whole.as_ptr() as usize
}
