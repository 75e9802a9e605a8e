//! Settings from files, and back: the machinery of the feature `serde`. It knows none of the settings.
//!
//! Read `values` first: what one setting can be. `group` has settings with names, and `file` reads them from a
//! format.
//!
//! serde's derive cannot do this. A file is laid over a preset that it may name last, every error names the
//! setting in full, and it is made where the setting is read, so that the format can add the line.
//!
//! Public for `serfer-async`, which has settings of its own, and for nobody else.

mod file;
mod group;
mod values;

pub use file::{SettingsFile, read, unknown};
pub use group::{SettingsGroup, inner_names};
pub use serde::{Deserialize, Deserializer, Serialize, Serializer};
pub use values::{SettingValue, Written, choose, nearest, refuse};
