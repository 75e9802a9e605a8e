//! Settings in groups, from files: a file is laid over a preset, and an error names the setting in full.
//!
//! A group of settings is a struct. [`settings_group!`] gives its settings the names of its fields, and
//! [`settings_file!`] lets serde read and write it: as TOML, JSON or any other self-describing format.
//!
//! ```
//! use std::time::Duration;
//!
//! use serfer_settings::{settings_file, settings_group};
//!
//! struct Cache {
//!     entries: usize,
//!     /// `None` is for ever.
//!     keep: Option<Duration>,
//!     disk: Disk,
//! }
//!
//! struct Disk {
//!     folder: String,
//!     sync: bool,
//! }
//!
//! impl Cache {
//!     fn of(entries: usize) -> Self {
//!         let disk = Disk { folder: "/var/cache".to_owned(), sync: true };
//!         Self { entries, keep: Some(Duration::from_secs(60)), disk }
//!     }
//! }
//!
//! settings_group! { Disk { folder, sync } }
//! settings_group! { Cache { entries, keep; groups disk } }
//! settings_file! { Cache: vec![("small", Self::of(100)), ("large", Self::of(10_000))] }
//!
//! let cache: Cache = toml::from_str("keep = \"1h30m\"\ndisk.sync = false\npreset = \"large\"")?;
//! assert_eq!((cache.entries, cache.keep), (10_000, Some(Duration::from_secs(5400))));
//! assert_eq!((cache.disk.folder.as_str(), cache.disk.sync), ("/var/cache", false));
//!
//! let error = toml::from_str::<Cache>("disk.fodler = \"/tmp\"").err().unwrap();
//! assert_eq!(error.message(), "unknown setting \"disk.fodler\", did you mean \"disk.folder\"?");
//! # Ok::<(), toml::de::Error>(())
//! ```
//!
//! This crate knows none of serfer's settings: they are in `serfer-proto` and `serfer-async`, behind their
//! feature `serde`.
//!
//! serde's derive cannot do this. The file may name its preset last, every error names the setting in full,
//! and it is made where the setting is read, so that the format can add the line.
//!
//! To read the code, begin with `values`: what one setting can be. `reader` reads one from a format. `group` has
//! settings with names, and `file` reads them.

mod file;
mod group;
mod reader;
mod values;

pub use file::{SettingsFile, unknown};
pub use group::SettingsGroup;
pub use values::{SettingValue, Written, choose, nearest, refuse};

// For the macros.
#[doc(hidden)]
pub use file::read;
#[doc(hidden)]
pub use group::inner_names;
#[doc(hidden)]
pub use serde::{Deserialize, Deserializer, Serialize, Serializer};
