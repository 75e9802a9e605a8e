//! The one macro that turns a table of fields into a message.

/// Declares a struct that travels as a map keyed by Go's field names.
///
/// The fields stand in the order in which Go writes them, which is by name. A field whose type is an
/// `Option` is left out of the map when it is `None`. Keys that are not in the table are skipped
/// when reading, and a field that is missing keeps its zero value.
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
                use $crate::wire::msgpack::{Text, Value, put_map};
                let fields = 0 $( + usize::from(!self.$field.is_omitted()) )*;
                put_map(out, fields);
                $(
                    if !self.$field.is_omitted() {
                        Text($key.as_bytes()).put(out);
                        Value::put(&self.$field, out);
                    }
                )*
            }

            fn take(
                from: &mut $crate::wire::msgpack::Reader<'a>,
            ) -> Result<Self, $crate::wire::msgpack::DecodeError> {
                let mut body = Self::default();
                for _ in 0..from.fields_len()? {
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
