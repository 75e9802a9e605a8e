//! A group of settings as a file, or as a part of another file.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use crate::group::SettingsGroup;
use crate::reader::ValueReader;
use crate::values::{Written, choose, nearest};

/// A group that can be a file, or a part of another file. Made by [`settings_file!`](crate::settings_file!).
pub trait SettingsFile: SettingsGroup {
    /// The presets with their names. The first is the default. If it is the only one, it has no name.
    fn presets() -> Vec<(&'static str, Self)>;
}

/// Lets serde read and write a group. It gets the list of its [presets](crate::SettingsFile::presets):
///
/// ```text
/// settings_file! { Cache: vec![("small", Self::of(100)), ("large", Self::of(10_000))] }
/// ```
///
/// If there are several, the file may choose one: `preset = "large"`.
#[macro_export]
macro_rules! settings_file {
    ($group:ident: $presets:expr) => {
        impl $crate::SettingsFile for $group {
            fn presets() -> Vec<(&'static str, Self)> {
                $presets
            }
        }

        /// All settings that can be written.
        impl $crate::Serialize for $group {
            fn serialize<S: $crate::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                $crate::SettingsGroup::write(self).serialize(to)
            }
        }

        /// A setting that is missing has its default value, or that of the preset.
        impl<'de> $crate::Deserialize<'de> for $group {
            fn deserialize<D: $crate::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $crate::read(from)
            }
        }
    };
}

/// The setting that names the preset.
const PRESET: &str = "preset";

/// Reads a file. It may name its preset last: so it is read into all presets, and then one is kept.
///
/// # Errors
/// If a name is unknown or there twice, or a value is not allowed.
pub fn read<'de, G: SettingsFile, D: Deserializer<'de>>(from: D) -> Result<G, D::Error> {
    let (presets, mut candidates): (Vec<_>, Vec<_>) = G::presets().into_iter().unzip();
    let mut known = G::names();
    known.extend((presets.len() > 1).then(|| PRESET.to_owned()));
    let (at, known, presets, all) = (String::new(), &known, &presets, &mut candidates);
    from.deserialize_any(FileReader { at, problem: None, known, presets, candidates: all })?;
    Ok(candidates.swap_remove(0))
}

/// The error of a name that is none of those known in the group.
pub fn unknown<'a>(group: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = within(group, nearest(name, known));
    format!("unknown setting \"{}\", did you mean \"{nearest}\"?", within(group, name))
}

fn within(group: &str, name: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{group}.{name}") }
}

/// Reads the setting `at`.
struct FileReader<'a, G> {
    at: String,
    /// What is wrong with its name. The error is made where the value is read: so the format adds the line.
    problem: Option<String>,
    known: &'a [String],
    presets: &'a [&'static str],
    /// The preset that is kept comes first.
    candidates: &'a mut [G],
}

impl<G: SettingsGroup> FileReader<'_, G> {
    fn set<E: Error>(&mut self, found: &Written) -> Result<(), E> {
        let set = |it: &mut G| it.set(&self.at, &self.at, found);
        self.candidates.iter_mut().try_for_each(set).map_err(E::custom)
    }

    /// The names inside the setting, if it is a group.
    fn inner(&self) -> impl Iterator<Item = &str> {
        let prefix = within(&self.at, "");
        self.known.iter().filter_map(move |name| name.strip_prefix(&prefix))
    }
}

impl<'de, G: SettingsGroup> DeserializeSeed<'de> for FileReader<'_, G> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, from: D) -> Result<(), D::Error> {
        if let Some(problem) = self.problem {
            return Err(D::Error::custom(problem));
        }
        if self.inner().next().is_some() {
            return from.deserialize_any(self);
        }
        let found = ValueReader { at: &self.at }.deserialize(from)?;
        if self.at != PRESET {
            return self.set(&found);
        }
        let chosen = choose(PRESET, &found, self.presets).map_err(D::Error::custom)?;
        self.candidates.swap(0, chosen);
        Ok(())
    }
}

/// Reads a group.
impl<'de, G: SettingsGroup> Visitor<'de> for FileReader<'_, G> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = if self.at.is_empty() { "the settings" } else { &self.at };
        write!(f, "{at} as a table of settings")
    }

    fn visit_bool<E: Error>(mut self, on: bool) -> Result<(), E> {
        self.set(&Written::Bool(on))
    }

    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        self.set(&Written::Null)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.set(&Written::Table(BTreeMap::new()))?;
        let mut seen: Vec<String> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let at = within(&self.at, &name);
            let problem = if name.contains('.') || !self.known.contains(&at) {
                Some(unknown(&self.at, &name, self.inner()))
            } else {
                seen.contains(&name).then(|| format!("{at} is set twice"))
            };
            seen.push(name);
            let (known, presets, candidates) = (self.known, self.presets, &mut *self.candidates);
            map.next_value_seed(FileReader { at, problem, known, presets, candidates })?;
        }
        Ok(())
    }
}
