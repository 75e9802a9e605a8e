//! The types that may stand in a message, and how each is written and read.

use crate::wire::error::DecodeError;
use crate::wire::msgpack::read::Reader;
use crate::wire::msgpack::write::{put_bool, put_f64, put_int, put_nil, put_raw, put_uint};

/// A type with a place in a message.
pub trait Value<'a>: Sized {
    /// Appends the value.
    fn put(&self, out: &mut Vec<u8>);

    /// Reads the value; `nil` gives the zero value, as in Go.
    ///
    /// # Errors
    /// Whatever keeps the input from being such a value.
    fn take(from: &mut Reader<'a>) -> Result<Self, DecodeError>;

    /// Whether the field is left out of its map altogether (Go's `omitempty`).
    fn is_omitted(&self) -> bool {
        false
    }
}

/// A string as Go sends it: bytes that are usually, but not certainly, UTF-8.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'a>(pub &'a [u8]);

impl<'a> Text<'a> {
    /// The string, if it is UTF-8.
    pub fn to_str(self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }

    /// The string, with replacement characters where it is not UTF-8.
    pub fn to_string_lossy(self) -> String {
        String::from_utf8_lossy(self.0).into_owned()
    }
}

impl std::fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Text(text.as_bytes())
    }
}

macro_rules! unsigned {
    ($($int:ty),*) => {$(
        impl<'a> Value<'a> for $int {
            #[inline]
            fn put(&self, out: &mut Vec<u8>) {
                put_uint(out, u64::from(*self));
            }
            #[inline]
            fn take(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
                Self::try_from(from.uint()?).map_err(|_| DecodeError::OutOfRange)
            }
        }
    )*};
}
unsigned!(u8, u16, u32, u64);

/// Go's signed fields.
impl<'a> Value<'a> for i64 {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_int(out, *self);
    }
    #[inline]
    fn take(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        from.int()
    }
}

/// Go's `float64`. Compared by its bits, so a NaN is equal to itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Float(pub f64);

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Float {}

impl<'a> Value<'a> for Float {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_f64(out, self.0);
    }
    #[inline]
    fn take(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        from.float().map(Self)
    }
}

impl<'a> Value<'a> for bool {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_bool(out, *self);
    }
    #[inline]
    fn take(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        from.bool()
    }
}

impl<'a> Value<'a> for Text<'a> {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_raw(out, self.0);
    }
    #[inline]
    fn take(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        from.bytes().map(Text)
    }
}

/// Go's byte slices. An empty one is written as `nil`, as Go writes a slice that was never filled.
impl<'a> Value<'a> for &'a [u8] {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        if self.is_empty() {
            put_nil(out);
        } else {
            put_raw(out, self);
        }
    }
    #[inline]
    fn take(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        from.bytes()
    }
}

/// Go's `omitempty`: `None` leaves the field out of its map.
impl<'a, T: Value<'a>> Value<'a> for Option<T> {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.put(out),
            None => put_nil(out),
        }
    }
    #[inline]
    fn take(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        T::take(from).map(Some)
    }
    fn is_omitted(&self) -> bool {
        self.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a, T: Value<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
        T::take(&mut Reader::new(bytes))
    }

    fn written<'a>(value: impl Value<'a>) -> String {
        let mut out = Vec::new();
        value.put(&mut out);
        hex::encode(out)
    }

    #[test]
    fn integers_take_the_shortest_unsigned_form() {
        assert_eq!(written(0u64), "00");
        assert_eq!(written(127u8), "7f");
        assert_eq!(written(128u64), "cc80");
        assert_eq!(written(256u16), "cd0100");
        assert_eq!(written(65536u64), "ce00010000");
        assert_eq!(written(1u64 << 32), "cf0000000100000000");
        assert_eq!(written(128i64), "cc80");
        assert_eq!(written(32768i64), "cd8000");
        assert_eq!(written(16_000_000_000i64), "cf00000003b9aca000");
        assert_eq!(written(-1i64), "ff");
        assert_eq!(written(-33i64), "d0df");
        assert_eq!(written(-129i64), "d1ff7f");
    }

    #[test]
    fn both_generations_of_signed_integers_are_read() {
        for bytes in ["cc80", "d10080", "cd0080", "d200000080", "d30000000000000080"] {
            let bytes = hex::decode(bytes).unwrap();
            assert_eq!(read::<u32>(&bytes), Ok(128));
            assert_eq!(read::<i64>(&bytes), Ok(128));
        }
        assert_eq!(read::<u8>(&[0xcd, 0x01, 0x00]), Err(DecodeError::OutOfRange));
        assert_eq!(read::<u32>(&[0xff]), Err(DecodeError::OutOfRange));
        assert_eq!(
            read::<i64>(&hex::decode("cf8000000000000000").unwrap()),
            Err(DecodeError::OutOfRange)
        );
        assert_eq!(read::<u32>(&[0xca, 0, 0, 0, 0]), Err(DecodeError::WrongType));
    }

    #[test]
    fn strings_are_raw_at_every_length_and_read_in_every_form() {
        let text = vec![b'x'; 65536];
        assert_eq!(written(Text(&text[..31]))[..2], *"bf");
        assert_eq!(written(Text(&text[..32]))[..6], *"da0020");
        assert_eq!(written(Text(&text))[..10], *"db00010000");
        for form in ["a178", "d90178", "da000178", "db0000000178", "c40178", "c5000178"] {
            assert_eq!(read::<Text<'_>>(&hex::decode(form).unwrap()), Ok(Text(b"x")));
        }
    }

    #[test]
    fn nil_is_the_zero_value_of_everything() {
        assert_eq!(read::<u32>(&[0xc0]), Ok(0));
        assert_eq!(read::<bool>(&[0xc0]), Ok(false));
        assert_eq!(read::<Text<'_>>(&[0xc0]), Ok(Text(b"")));
        assert_eq!(read::<&[u8]>(&[0xc0]), Ok(&[][..]));
    }

    #[test]
    fn floats_come_in_either_width_and_as_integers() {
        assert_eq!(written(Float(1.5)), "cb3ff8000000000000");
        let float = |hex: &str| read::<Float>(&hex::decode(hex).unwrap());
        for form in ["cb3ff8000000000000", "ca3fc00000"] {
            assert_eq!(float(form), Ok(Float(1.5)));
        }
        assert_eq!(float("ff"), Ok(Float(-1.0)));
        assert_eq!(float("cd0100"), Ok(Float(256.0)));
        assert_eq!(float("c0"), Ok(Float(0.0)));
        assert_eq!(float("cb7ff8000000000000").map(|it| it.0.is_nan()), Ok(true));
        assert_eq!(float("cb3ff80000"), Err(DecodeError::Truncated));
        assert_eq!(float("a178"), Err(DecodeError::WrongType));
    }

    #[test]
    fn booleans_may_come_as_zero_and_one() {
        assert_eq!(read::<bool>(&[0x00]), Ok(false));
        assert_eq!(read::<bool>(&[0x01]), Ok(true));
        assert_eq!(read::<bool>(&[0x02]), Err(DecodeError::WrongType));
    }

    #[test]
    fn lengths_beyond_the_input_are_refused() {
        let bomb = hex::decode("dbffffffff").unwrap();
        assert_eq!(read::<Text<'_>>(&bomb), Err(DecodeError::Truncated));
        let bomb = hex::decode("ddffffffff").unwrap();
        assert_eq!(Reader::new(&bomb).array_len(), Err(DecodeError::Truncated));
        let bomb = hex::decode("dfffffffff00").unwrap();
        assert_eq!(Reader::new(&bomb).map_len(), Err(DecodeError::Truncated));
    }

    #[test]
    fn any_value_can_be_skipped_however_deep() {
        let deep = |depth| [&vec![0x91; depth][..], &[0xc0, 0x2a]].concat();
        let value = deep((64 << 10) - 1);
        let mut reader = Reader::new(&value);
        assert_eq!(reader.skip(), Ok(()));
        assert_eq!(reader.rest(), [0x2a]);
        let too_long = DecodeError::TooLarge { max: 64 << 10 };
        assert_eq!(Reader::new(&deep(64 << 10)).skip(), Err(too_long));
        let fields = [&[0xde, 0, 65][..], &[0xc0].repeat(130)].concat();
        assert_eq!(
            Reader::new(&fields).fields_len(),
            Err(DecodeError::TooLarge { max: 64 }),
            "no message has so many"
        );

        for value in [
            "c0",
            "c3",
            "2a",
            "ff",
            "cb0000000000000000",
            "a3616263",
            "c403616263",
            "c70301616263",
            "d40161",
            "d80100000000000000000000000000000000",
            "9201a161",
            "81a161c2",
            "de0001a16100",
        ] {
            let mut bytes = hex::decode(value).unwrap();
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.skip(), Ok(()), "{value}");
            assert!(reader.rest().is_empty(), "{value}");
            bytes.pop();
            assert_eq!(Reader::new(&bytes).skip(), Err(DecodeError::Truncated), "{value}");
        }
        assert_eq!(Reader::new(&[0xc1]).skip(), Err(DecodeError::WrongType));
    }
}
