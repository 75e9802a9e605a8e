//! The one macro that turns a table of fields into a message.

/// Declares a struct that travels as a map keyed by Go's field names.
///
/// The fields stand in the order in which Go writes them, which is by name. A field whose type is an
/// `Option` is left out of the map when it is `None`. Keys that are not in the table are skipped
/// when reading, a field that is missing keeps its zero value, and of one that comes twice the last
/// counts.
macro_rules! body {
    ($(
        $(#[$meta:meta])*
        $vis:vis struct $name:ident $(<$lt:lifetime>)? {
            $( $(#[$field_meta:meta])* $field:ident: $type:ty => $key:literal, )*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        $vis struct $name $(<$lt>)? {
            $( $(#[$field_meta])* $vis $field: $type, )*
        }

        impl<'a> $crate::wire::msgpack::Value<'a> for $name $(<$lt>)? {
            fn put(&self, out: &mut Vec<u8>) {
                use $crate::wire::msgpack::{Value, put_map, raw_key};
                let fields = 0 $( + usize::from(!self.$field.is_omitted()) )*;
                put_map(out, fields);
                $(
                    if !self.$field.is_omitted() {
                        out.extend_from_slice(const { &raw_key::<{ 1 + $key.len() }>($key) });
                        Value::put(&self.$field, out);
                    }
                )*
            }

            fn take(
                from: &mut $crate::wire::msgpack::Reader<'a>,
            ) -> Result<Self, $crate::wire::msgpack::DecodeError> {
                use $crate::wire::msgpack::raw_key;
                let mut body = Self::default();
                let mut left = from.fields_len()?;
                // What stands where Go writes it needs no search.
                $(
                    if left > 0 && from.take_key(const { &raw_key::<{ 1 + $key.len() }>($key) }) {
                        body.$field = $crate::wire::msgpack::Value::take(from)?;
                        left -= 1;
                    }
                )*
                for _ in 0..left {
                    let key = from.bytes()?;
                    $(
                        if key == $key.as_bytes() {
                            body.$field = $crate::wire::msgpack::Value::take(from)?;
                            continue;
                        }
                    )*
                    from.skip()?;
                }
                Ok(body)
            }
        }
    )*};
}

pub(crate) use body;

#[cfg(test)]
mod tests {
    use crate::wire::msgpack::{DecodeError, Reader, Text, Value, put_map};

    body! {
        struct Body {
            a: u8 => "A",
            b: Option<u8> => "B",
            c: u8 => "C",
        }
    }

    /// Go writes A, B, C. There may be any keys in any order, and values in their longest form.
    #[test]
    fn any_order_is_read_and_the_last_of_one_key_counts() {
        const KEYS: [&str; 4] = ["A", "B", "C", "X"];
        for len in 0..=5 {
            for sequence in 0..KEYS.len().pow(len) {
                let (mut bytes, mut expected) = (Vec::new(), Body::default());
                put_map(&mut bytes, len as usize);
                for place in 0..len {
                    let key = KEYS[sequence / KEYS.len().pow(place) % KEYS.len()];
                    let value = place as u8 + 1;
                    Text(key.as_bytes()).put(&mut bytes);
                    bytes.extend([0xcc, value]);
                    match key {
                        "A" => expected.a = value,
                        "B" => expected.b = Some(value),
                        "C" => expected.c = value,
                        _ => {}
                    }
                }
                bytes.push(0xc0);
                let from = &mut Reader::new(&bytes);
                assert_eq!(Body::take(from), Ok(expected), "{bytes:x?}");
                assert_eq!(from.rest(), [0xc0], "{bytes:x?}");
                let cut = bytes.len() - 2;
                let cut = Body::take(&mut Reader::new(&bytes[..cut]));
                assert!(len == 0 || cut == Err(DecodeError::Truncated), "{bytes:x?}");
            }
        }
    }
}
