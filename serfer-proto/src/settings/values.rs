//! What a setting can be: yes or no, a number, text that means something, a list, or none of it.

use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde_core::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde_core::de::{
    DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde_core::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::settings::{Change, Path, Setting};

/// A setting that is replaced as a whole.
pub trait Value: Sized + 'static {
    /// Whether none of it, where that can be, is something else than not having said so.
    const CAN_BE_OFF: bool = false;

    /// Reads what a file says.
    ///
    /// # Errors
    /// If it is not what it must be.
    fn read_value<'de, D: Deserializer<'de>>(at: Path<'_>, from: D) -> Result<Self, D::Error>;

    /// Writes what would be read.
    ///
    /// # Errors
    /// The format's.
    fn write_value<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error>;
}

impl<T: Value> Setting for T {
    fn read<'de, D: Deserializer<'de>>(at: Path<'_>, from: D) -> Result<Change<T>, D::Error> {
        let value = T::read_value(at, from)?;
        Ok(Box::new(move |setting| *setting = value))
    }

    fn write<M: SerializeMap>(&self, name: &'static str, to: &mut M) -> Result<(), M::Error> {
        to.serialize_entry(name, &Written(self))
    }
}

/// `false` or null is none.
impl<T: Value> Setting for Option<T> {
    fn read<'de, D: Deserializer<'de>>(at: Path<'_>, from: D) -> Result<Change<Self>, D::Error> {
        let value: Self = from.deserialize_any(OptionVisitor { at, value: PhantomData })?;
        Ok(Box::new(move |setting| *setting = value))
    }

    fn write<M: SerializeMap>(&self, name: &'static str, to: &mut M) -> Result<(), M::Error> {
        match self {
            Some(value) => to.serialize_entry(name, &Written(value)),
            None if T::CAN_BE_OFF => to.serialize_entry(name, &false),
            None => Ok(()),
        }
    }
}

/// Writes a value.
pub struct Written<'a, T>(pub &'a T);

impl<T: Value> Serialize for Written<'_, T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.write_value(to)
    }
}

/// Reads a value.
pub(super) struct ValueSeed<'a, T> {
    at: Path<'a>,
    value: PhantomData<T>,
}

impl<'a, T> ValueSeed<'a, T> {
    pub(super) fn new(at: Path<'a>) -> Self {
        Self { at, value: PhantomData }
    }
}

impl<'de, T: Value> DeserializeSeed<'de> for ValueSeed<'_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        T::read_value(self.at, from)
    }
}

struct OptionVisitor<'a, T> {
    at: Path<'a>,
    value: PhantomData<T>,
}

impl<'de, T: Value> Visitor<'de> for OptionVisitor<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as a value, or false", self.at)
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<Option<T>, E> {
        if on { T::read_value(self.at, on.into_deserializer()).map(Some) } else { Ok(None) }
    }

    fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Option<T>, E> {
        T::read_value(self.at, number.into_deserializer()).map(Some)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Option<T>, E> {
        T::read_value(self.at, number.into_deserializer()).map(Some)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Option<T>, E> {
        T::read_value(self.at, number.into_deserializer()).map(Some)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<T>, E> {
        T::read_value(self.at, text.into_deserializer()).map(Some)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Option<T>, A::Error> {
        T::read_value(self.at, SeqAccessDeserializer::new(seq)).map(Some)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
        T::read_value(self.at, MapAccessDeserializer::new(map)).map(Some)
    }
}

impl Value for bool {
    fn read_value<'de, D: Deserializer<'de>>(at: Path<'_>, from: D) -> Result<Self, D::Error> {
        from.deserialize_bool(BoolVisitor { at })
    }

    fn write_value<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bool(*self)
    }
}

struct BoolVisitor<'a> {
    at: Path<'a>,
}

impl Visitor<'_> for BoolVisitor<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as true or false", self.at)
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<bool, E> {
        Ok(on)
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl Value for $number {
            fn read_value<'de, D: Deserializer<'de>>(
                at: Path<'_>,
                from: D,
            ) -> Result<Self, D::Error> {
                from.deserialize_u64(NumberVisitor { at, max: Self::MAX, number: PhantomData })
            }

            fn write_value<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                Serialize::serialize(self, to)
            }
        }
    )+};
}

numbers!(u8, u32, usize);

struct NumberVisitor<'a, N> {
    at: Path<'a>,
    max: N,
    number: PhantomData<N>,
}

impl<N: TryFrom<u64> + fmt::Display> Visitor<'_> for NumberVisitor<'_, N> {
    type Value = N;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as a whole number, 0 to {}", self.at, self.max)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<N, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<N, E> {
        N::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }
}

/// Reads text that means something.
pub struct Text<'a, F> {
    /// Where it is.
    pub at: Path<'a>,
    /// What it must be, with an example.
    pub what: &'static str,
    /// Makes a value of it, or says what is wrong.
    pub parse: F,
}

impl<T, F: FnOnce(&str) -> Result<T, String>> Visitor<'_> for Text<'_, F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {}", self.at, self.what)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(|reason| E::custom(format!("{}: {reason}", self.at)))
    }
}

macro_rules! texts {
    ($($text:ty, $what:literal, $parse:expr, $show:expr $(, $off:ident)?;)+) => {$(
        impl Value for $text {
            $(const $off: bool = true;)?

            fn read_value<'de, D: Deserializer<'de>>(
                at: Path<'_>,
                from: D,
            ) -> Result<Self, D::Error> {
                let parse: fn(&str) -> Result<Self, String> = $parse;
                from.deserialize_str(Text { at, what: $what, parse })
            }

            fn write_value<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                let show: fn(&Self) -> String = $show;
                to.serialize_str(&show(self))
            }
        }
    )+};
}

texts! {
    String, "text", |text| Ok(text.to_owned()), Self::clone;
    SocketAddr, "an address like \"10.0.0.5:7946\"", |text| {
        text.parse().map_err(|_| format!("{text:?} is no address like \"10.0.0.5:7946\""))
    }, ToString::to_string;
    IpNet, "a network like \"10.0.0.0/8\"", |text| {
        text.parse().map_err(|_| format!("{text:?} is no network like \"10.0.0.0/8\""))
    }, ToString::to_string;
    Duration, "a duration with its unit, like \"500ms\" or \"1m30s\"", |text| {
        let wrong = "is no duration like \"500ms\" or \"1m30s\"";
        humantime::parse_duration(text).map_err(|error| format!("{text:?} {wrong}: {error}"))
    }, |time| humantime::format_duration(*time).to_string().replace(' ', ""), CAN_BE_OFF;
}

/// Fails to write what is not UTF-8.
impl Value for PathBuf {
    fn read_value<'de, D: Deserializer<'de>>(at: Path<'_>, from: D) -> Result<Self, D::Error> {
        let parse = |text: &str| Ok(Self::from(text));
        from.deserialize_str(Text { at, what: "a path", parse })
    }

    fn write_value<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Serialize::serialize(self, to)
    }
}

impl<T: Value> Value for Vec<T> {
    fn read_value<'de, D: Deserializer<'de>>(at: Path<'_>, from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(ListVisitor { at, item: PhantomData })
    }

    fn write_value<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut seq = to.serialize_seq(Some(self.len()))?;
        for item in self {
            seq.serialize_element(&Written(item))?;
        }
        seq.end()
    }
}

struct ListVisitor<'a, T> {
    at: Path<'a>,
    item: PhantomData<T>,
}

impl<'de, T: Value> Visitor<'de> for ListVisitor<'_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as a list", self.at)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(ValueSeed::new(self.at))? {
            items.push(item);
        }
        Ok(items)
    }
}
