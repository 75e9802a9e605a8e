//! Settings with names, some of them in inner groups.

use crate::values::{Written, refuse};

/// Settings with names. Made by [`settings_group!`](crate::settings_group!).
pub trait SettingsGroup: Sized {
    /// All names, also those inside inner groups: `probe`, `probe.interval`, …
    fn names() -> Vec<String>;

    /// Changes one setting to what the file has at `at`. Inside this group its name is `name`; without a name
    /// it is the group itself.
    ///
    /// # Errors
    /// If the value is not allowed.
    fn set(&mut self, name: &str, at: &str, found: &Written) -> Result<(), String>;

    /// All settings.
    fn write(&self) -> Written;
}

/// `false` or null turns the group off. `true` and a table turn it on: with default values unless it is on.
impl<G: SettingsGroup + Default> SettingsGroup for Option<G> {
    fn names() -> Vec<String> {
        G::names()
    }

    fn set(&mut self, name: &str, at: &str, found: &Written) -> Result<(), String> {
        match (name, found) {
            ("", Written::Bool(false) | Written::Null) => *self = None,
            ("", Written::Bool(true) | Written::Table(_)) => {
                *self = Some(self.take().unwrap_or_default());
            }
            ("", _) => return refuse(at, found, "a table of settings, true or false"),
            _ => return self.get_or_insert_default().set(name, at, found),
        }
        Ok(())
    }

    fn write(&self) -> Written {
        self.as_ref().map_or(Written::Bool(false), G::write)
    }
}

/// Names of an inner group; the function is only there for its type.
pub fn inner_names<S, G: SettingsGroup>(name: &str, _: fn(&S) -> &G) -> Vec<String> {
    let inner = G::names().into_iter().map(|inner| format!("{name}.{inner}"));
    std::iter::once(name.to_owned()).chain(inner).collect()
}

/// Makes a [`SettingsGroup`] of a struct: its values, its inner groups, and the fields that no file can set.
/// It does not compile if a field is forgotten.
///
/// ```text
/// settings_group! { Cache { entries, keep; groups disk; without on_change } }
/// ```
#[macro_export]
macro_rules! settings_group {
    ($group:ident {
        $($value:ident),+ $(; groups $($inner:ident),+)? $(; without $($not:ident),+)?
    }) => {
        impl $crate::SettingsGroup for $group {
            fn names() -> Vec<String> {
                let groups: Vec<Vec<String>> = vec![$($(
                    $crate::inner_names(stringify!($inner), |it: &Self| &it.$inner)
                ),+)?];
                let values = [$(stringify!($value).to_owned()),+];
                values.into_iter().chain(groups.into_iter().flatten()).collect()
            }

            fn set(
                &mut self,
                name: &str,
                at: &str,
                found: &$crate::Written,
            ) -> Result<(), String> {
                $(if name == stringify!($value) {
                    self.$value = $crate::SettingValue::read(at, found)?;
                    return Ok(());
                })+
                $(
                    let (group, inner) = name.split_once('.').unwrap_or((name, ""));
                    $(if group == stringify!($inner) {
                        return self.$inner.set(inner, at, found);
                    })+
                )?
                match found {
                    $crate::Written::Table(_) => Ok(()),
                    _ => $crate::refuse(at, found, "a table of settings"),
                }
            }

            fn write(&self) -> $crate::Written {
                let Self { $($value,)+ $($($inner,)+)? $($($not: _,)+)? } = self;
                let values = [$((stringify!($value), $crate::SettingValue::write($value))),+];
                let written = values.into_iter().filter_map(|(name, value)| Some((name, value?)));
                let groups = [$($((stringify!($inner), $crate::SettingsGroup::write($inner))),+)?];
                $crate::Written::Group(written.chain(groups).collect())
            }
        }
    };
}
