//! Reads one value as a format has it. In a table, each name stands once.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::values::Written;

/// Reads what the file has for the setting `at`.
pub(crate) struct ValueReader<'a> {
    pub(crate) at: &'a str,
}

impl<'de> DeserializeSeed<'de> for ValueReader<'_> {
    type Value = Written;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Written, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueReader<'_> {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as a value, a list or a table", self.at)
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<Written, E> {
        Ok(Written::Bool(on))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Written, E> {
        Ok(Written::Number(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Written, E> {
        Ok(u64::try_from(number).map_or(Written::Float(number as f64), Written::Number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Written, E> {
        Ok(Written::Float(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Written, E> {
        Ok(Written::Text(text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Written, E> {
        Ok(Written::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Written, E> {
        Ok(Written::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Written, D::Error> {
        self.deserialize(from)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Written, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(ValueReader { at: self.at })? {
            list.push(item);
        }
        Ok(Written::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Written, A::Error> {
        let mut table = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            let at = format!("{}.{name}", self.at);
            let value = map.next_value_seed(ValueReader { at: &at })?;
            if table.insert(name, value).is_some() {
                return Err(A::Error::custom(format!("{at} is set twice")));
            }
        }
        Ok(Written::Table(table))
    }
}
