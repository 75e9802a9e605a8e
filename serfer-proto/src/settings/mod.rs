//! Settings from files, and back: what the feature `serde` is made of.
//!
//! A file says only what differs, so nothing is built from it: whatever it says becomes a [`Change`] to
//! be made to what would be there without it, a preset. Every reader knows where in the file it is, by a
//! [`Path`], so that an error names the setting in full, whatever the format. Written by hand, as
//! serde's derive knows neither of these.
//!
//! Public for `serfer-async`, which has settings of its own, and for nobody else.

#[macro_use]
mod macros;
mod ours;
mod values;

use std::fmt;
use std::marker::PhantomData;

use serde_core::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_core::ser::{Serialize, SerializeMap, Serializer};

pub use ours::unadvertised;
pub use serde_core;
pub use values::{Text, Value, Written};

/// Where a setting is: `probe.interval`.
#[derive(Clone, Copy)]
pub struct Path<'a> {
    within: Option<&'a Self>,
    name: &'a str,
}

impl<'a> Path<'a> {
    /// The whole file.
    pub const ROOT: Path<'static> = Path { within: None, name: "" };

    /// A setting in here.
    pub fn at(&'a self, name: &'a str) -> Self {
        Path { within: Some(self), name }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.within {
            None => f.write_str("the settings"),
            Some(Path { within: None, .. }) => f.write_str(self.name),
            Some(group) => write!(f, "{group}.{}", self.name),
        }
    }
}

/// What a file does to a setting.
pub type Change<T> = Box<dyn FnOnce(&mut T)>;

/// Whatever has a name in a file: a [`Value`], none or one, or a [`Group`] of others.
pub trait Setting: Sized + 'static {
    /// The names inside.
    fn inside() -> Vec<String> {
        Vec::new()
    }

    /// Reads what a file says.
    ///
    /// # Errors
    /// If it is not what it must be.
    fn read<'de, D: Deserializer<'de>>(at: Path<'_>, from: D) -> Result<Change<Self>, D::Error>;

    /// Writes it under its name, unless it is better left out.
    ///
    /// # Errors
    /// The format's.
    fn write<M: SerializeMap>(&self, name: &'static str, to: &mut M) -> Result<(), M::Error>;
}

/// Settings with names. Made by [`settings!`](crate::settings!).
pub trait Group: Sized + 'static {
    /// What is applied before all others, wherever in the file it is.
    const FIRST: &'static [&'static str];

    /// All names, those inside of others too: `probe`, `probe.interval`, …
    fn names() -> Vec<String>;

    /// Reads the setting of this name; there is none if the answer is `None`.
    ///
    /// # Errors
    /// If it is not what it must be.
    fn read_one<'de, A: MapAccess<'de>>(
        at: Path<'_>,
        name: &str,
        from: &mut A,
    ) -> Result<Option<Change<Self>>, A::Error>;

    /// Writes all settings.
    ///
    /// # Errors
    /// The format's.
    fn write_all<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error>;
}

/// Adds the name of a setting and those inside of it; the function is only there for its type.
pub fn put_names<G, T: Setting>(name: &str, _: fn(&G) -> &T, names: &mut Vec<String>) {
    names.push(name.to_owned());
    names.extend(T::inside().into_iter().map(|inner| format!("{name}.{inner}")));
}

/// Reads a group.
///
/// # Errors
/// If a name is unknown or there twice, or a value is wrong.
pub fn read_group<'de, G: Group, D: Deserializer<'de>>(
    at: Path<'_>,
    from: D,
) -> Result<Change<G>, D::Error> {
    from.deserialize_map(GroupVisitor { at, group: PhantomData })
}

struct GroupVisitor<'a, G> {
    at: Path<'a>,
    group: PhantomData<G>,
}

impl<'de, G: Group> Visitor<'de> for GroupVisitor<'_, G> {
    type Value = Change<G>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as a table of settings", self.at)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Change<G>, A::Error> {
        let mut changes: Vec<Change<G>> = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if seen.contains(&name) {
                map.next_value_seed(Refusal(format!("{} is set twice", self.at.at(&name))))?;
            }
            let Some(change) = G::read_one(self.at, &name, &mut map)? else {
                map.next_value_seed(Refusal(unknown::<G>(self.at, &name)))?;
                continue;
            };
            let first = G::FIRST.contains(&name.as_str());
            changes.insert(if first { 0 } else { changes.len() }, change);
            seen.push(name);
        }
        Ok(Box::new(move |group| changes.into_iter().for_each(|change| change(group))))
    }
}

/// Fails where a value is read, so that the format can say where that is.
struct Refusal(String);

impl<'de> DeserializeSeed<'de> for Refusal {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, _: D) -> Result<(), D::Error> {
        Err(Error::custom(self.0))
    }
}

fn unknown<G: Group>(at: Path<'_>, name: &str) -> String {
    let known = G::names();
    let unknown = at.at(name);
    match nearest(name, known.iter().map(String::as_str)) {
        Some(known) => format!("unknown setting \"{unknown}\", did you mean \"{}\"?", at.at(known)),
        None => format!("unknown setting \"{unknown}\""),
    }
}

/// The name that is most like this one. What is deeper inside is known by its last part as well.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |known: &&str| {
        let whole = 2 * strsim::damerau_levenshtein(name, known);
        let last = known.rsplit_once('.').map(|(_, last)| strsim::damerau_levenshtein(name, last));
        last.map_or(whole, |last| whole.min(2 * last + 1))
    };
    known.into_iter().min_by_key(distance)
}

/// Reads a setting, where the format wants to be told what comes.
pub struct Seed<'a, T> {
    at: Path<'a>,
    setting: PhantomData<T>,
}

impl<'a, T> Seed<'a, T> {
    /// For the setting that is there.
    pub fn new(at: Path<'a>) -> Self {
        Self { at, setting: PhantomData }
    }
}

impl<'de, T: Setting> DeserializeSeed<'de> for Seed<'_, T> {
    type Value = Change<T>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Change<T>, D::Error> {
        T::read(self.at, from)
    }
}

/// Writes a group.
pub struct All<'a, G>(pub &'a G);

impl<G: Group> Serialize for All<'_, G> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        self.0.write_all(&mut map)?;
        map.end()
    }
}
