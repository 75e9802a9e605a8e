//! What says which fields a group has, and that a group can be a file. For `serfer-async`, too.

/// Makes a [`Group`] of a struct: all its fields by their names, or as they are said to be called, but
/// those behind `without`. One that is forgotten does not compile.
#[doc(hidden)]
#[macro_export]
macro_rules! settings {
    ($($group:ident $(after $first:ident: $first_type:ident)? {
        $($field:ident $(as $name:literal)?),+ $(; without $($not:ident),+)?
    })+) => {$(
        impl $crate::settings::Group for $group {
            const FIRST: &'static [&'static str] = &[$(stringify!($first))?];

            fn names() -> Vec<String> {
                let mut names = Vec::new();
                $(names.push(stringify!($first).to_owned());)?
                $($crate::settings::put_names(
                    $crate::settings!(@name $field $($name)?), |it: &Self| &it.$field, &mut names,
                );)+
                names
            }

            fn read_one<'de, A: $crate::settings::serde_core::de::MapAccess<'de>>(
                at: $crate::settings::Path<'_>,
                name: &str,
                from: &mut A,
            ) -> Result<Option<$crate::settings::Change<Self>>, A::Error> {
                let at = at.at(name);
                $(if name == stringify!($first) {
                    let change = from.next_value_seed($crate::settings::Seed::new(at))?;
                    return Ok(Some(Box::new(move |it: &mut Self| {
                        let mut first = $first_type::default();
                        change(&mut first);
                        *it = first.into();
                    })));
                })?
                $(if name == $crate::settings!(@name $field $($name)?) {
                    let change = from.next_value_seed($crate::settings::Seed::new(at))?;
                    return Ok(Some(Box::new(move |it: &mut Self| change(&mut it.$field))));
                })+
                Ok(None)
            }

            fn write_all<M: $crate::settings::serde_core::ser::SerializeMap>(
                &self,
                to: &mut M,
            ) -> Result<(), M::Error> {
                let Self { $($field),+ $(, $($not: _),+)? } = self;
                $($crate::settings::Setting::write(
                    $field, $crate::settings!(@name $field $($name)?), to,
                )?;)+
                Ok(())
            }
        }

        impl $crate::settings::Setting for $group {
            fn inside() -> Vec<String> {
                <Self as $crate::settings::Group>::names()
            }

            fn read<'de, D: $crate::settings::serde_core::de::Deserializer<'de>>(
                at: $crate::settings::Path<'_>,
                from: D,
            ) -> Result<$crate::settings::Change<Self>, D::Error> {
                $crate::settings::read_group(at, from)
            }

            fn write<M: $crate::settings::serde_core::ser::SerializeMap>(
                &self,
                name: &'static str,
                to: &mut M,
            ) -> Result<(), M::Error> {
                to.serialize_entry(name, &$crate::settings::All(self))
            }
        }
    )+};
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
}

/// Makes a [`Group`] something that can be a file, or part of somebody else's: what is not in it is as
/// in the group that is given.
#[doc(hidden)]
#[macro_export]
macro_rules! documents {
    ($($group:ident: $otherwise:expr),+ $(,)?) => {$(
        /// All settings; neither keys nor functions.
        impl $crate::settings::serde_core::Serialize for $group {
            fn serialize<S: $crate::settings::serde_core::Serializer>(
                &self,
                to: S,
            ) -> Result<S::Ok, S::Error> {
                $crate::settings::serde_core::Serialize::serialize(
                    &$crate::settings::All(self), to,
                )
            }
        }

        /// What is missing is as it is by default, or in the preset.
        impl<'de> $crate::settings::serde_core::Deserialize<'de> for $group {
            fn deserialize<D: $crate::settings::serde_core::Deserializer<'de>>(
                from: D,
            ) -> Result<Self, D::Error> {
                let mut group: Self = $otherwise;
                let change = $crate::settings::read_group(
                    $crate::settings::Path::ROOT, from,
                )?;
                change(&mut group);
                Ok(group)
            }
        }
    )+};
}
