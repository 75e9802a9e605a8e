//! What one setting can be: yes or no, a number, text with a meaning, a list, or turned off.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Serialize, Serializer};

/// A value as a file has it.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Written {
    /// True; or false, which also turns a setting off.
    Bool(bool),
    /// A whole number.
    Number(u64),
    /// Another number: no setting takes it.
    Float(f64),
    /// Text.
    Text(String),
    /// A path, only to be written: it may not be text.
    Path(PathBuf),
    /// Several values.
    List(Vec<Self>),
    /// Values with names.
    Table(BTreeMap<String, Self>),
    /// Values with names, only to be written: in this order.
    #[serde(serialize_with = "in_order")]
    Group(Vec<(&'static str, Self)>),
    /// Turns a setting off.
    Null,
}

fn in_order<S: Serializer>(values: &[(&str, Written)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(values.iter().map(|(name, value)| (name, value)))
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(on) => on.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::List(_) => f.write_str("a list"),
            Self::Path(_) | Self::Table(_) | Self::Group(_) => f.write_str("a table"),
            Self::Null => f.write_str("null"),
        }
    }
}

/// A setting that is replaced as a whole.
pub trait SettingValue: Sized {
    /// Whether an explicit `None` differs from leaving it unset.
    const CAN_BE_OFF: bool = false;

    /// Reads what the file has for the setting `at`.
    ///
    /// # Errors
    /// If it is not allowed: text that names the setting, the value and what is allowed.
    fn read(at: &str, found: &Written) -> Result<Self, String>;

    /// Whether this turns the setting off, if it can be turned off: false or null.
    fn turns_off(found: &Written) -> bool {
        matches!(found, Written::Bool(false) | Written::Null)
    }

    /// What would be read; `None` is left out of the file.
    fn write(&self) -> Option<Written>;
}

/// The error of a value that is not allowed.
///
/// # Errors
/// Always.
pub fn refuse<T>(at: &str, found: &Written, allowed: &str) -> Result<T, String> {
    let at = if at.is_empty() { "the settings" } else { at };
    Err(format!("{at}: {found} is not {allowed}"))
}

impl Written {
    fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Some sources have nothing but text, such as the variables of an environment.
    fn bool(&self) -> Option<bool> {
        if let Self::Bool(on) = self { Some(*on) } else { self.text()?.parse().ok() }
    }

    fn number(&self) -> Option<u64> {
        if let Self::Number(number) = self { Some(*number) } else { self.text()?.parse().ok() }
    }
}

/// What is allowed where text is, for somebody who wrote this.
fn as_text(found: &Written) -> String {
    match found {
        Written::Bool(_) | Written::Number(_) | Written::Float(_) => {
            format!("text: write \"{found}\"")
        }
        _ => "text".to_owned(),
    }
}

macro_rules! values {
    ($($value:ty, $allowed:expr, |$found:ident| $parsed:expr,
        |$it:ident| $written:expr $(, $off:ident)?;)+) => {$(
        impl SettingValue for $value {
            $(const $off: bool = true;)?

            fn read(at: &str, found: &Written) -> Result<Self, String> {
                let $found = found;
                $parsed.map_or_else(|| refuse(at, found, $allowed), Ok)
            }

            fn write(&self) -> Option<Written> {
                let $it = self;
                Some($written)
            }
        }
    )+};
}

values! {
    bool, "true or false", |found| found.bool(), |it| Written::Bool(*it);
    u8, "a whole number from 0 to 255",
        |found| found.number().and_then(|it| it.try_into().ok()), |it| Written::Number((*it).into());
    u32, "a whole number from 0 to 4294967295",
        |found| found.number().and_then(|it| it.try_into().ok()), |it| Written::Number((*it).into());
    usize, &format!("a whole number from 0 to {}", Self::MAX),
        |found| found.number().and_then(|it| it.try_into().ok()), |it| Written::Number(*it as u64);
    String, &as_text(found), |found| found.text().map(str::to_owned), |it| Written::Text(it.clone());
    PathBuf, "a path", |found| found.text().map(Self::from), |it| Written::Path(it.clone());
    SocketAddr, "an address like \"10.0.0.5:7946\"",
        |found| found.text().and_then(|it| it.parse().ok()), |it| Written::Text(it.to_string());
    IpNet, "a network like \"10.0.0.0/8\"",
        |found| found.text().and_then(|it| it.parse().ok()), |it| Written::Text(it.to_string());
    Duration, "a duration with its unit, like \"500ms\" or \"1m30s\"",
        |found| found.text().and_then(|it| humantime::parse_duration(it).ok()),
        |it| Written::Text(humantime::format_duration(*it).to_string().replace(' ', "")), CAN_BE_OFF;
}

impl<T: SettingValue> SettingValue for Vec<T> {
    fn read(at: &str, found: &Written) -> Result<Self, String> {
        match found {
            Written::List(items) => items.iter().map(|item| T::read(at, item)).collect(),
            Written::Text(_) => refuse(at, found, &format!("a list: write [{found}]")),
            _ => refuse(at, found, "a list"),
        }
    }

    fn write(&self) -> Option<Written> {
        Some(Written::List(self.iter().filter_map(T::write).collect()))
    }
}

/// What turns the setting off is `None`.
impl<T: SettingValue> SettingValue for Option<T> {
    fn read(at: &str, found: &Written) -> Result<Self, String> {
        if T::turns_off(found) { Ok(None) } else { T::read(at, found).map(Some) }
    }

    fn write(&self) -> Option<Written> {
        let off = || T::CAN_BE_OFF.then_some(Written::Bool(false));
        self.as_ref().map_or_else(off, T::write)
    }
}

/// Which of these names a file has.
///
/// # Errors
/// If it has none of them.
pub fn choose(at: &str, found: &Written, names: &[&str]) -> Result<usize, String> {
    let one_of = format!("one of {}", names.join(", "));
    let Written::Text(text) = found else { return refuse(at, found, &one_of) };
    let nearest = || nearest(text, names.iter().copied());
    let position = names.iter().position(|name| name == text);
    position
        .map_or_else(|| refuse(at, found, &format!("{one_of}, did you mean {:?}?", nearest())), Ok)
}

/// The known name that is most like this one. A name inside a group is also compared without its group.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> &'a str {
    let distance = |known: &&str| {
        let whole = 2 * strsim::damerau_levenshtein(name, known);
        let last = known.rsplit_once('.').map(|(_, last)| strsim::damerau_levenshtein(name, last));
        last.map_or(whole, |last| whole.min(2 * last + 1))
    };
    known.into_iter().min_by_key(distance).unwrap_or_default()
}
