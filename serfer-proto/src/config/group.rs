//! What all groups of settings are: plain values with defaults, times that are bounded, and with the feature
//! `serde` parts of a file.

use std::time::Duration;

/// A century stands for ever: a longer time could not be added to a point in time.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A setting whose times can be bounded.
pub(super) trait Bounded {
    /// Shortens every time to a century.
    fn bound(&mut self) {}
}

impl Bounded for bool {}
impl Bounded for u8 {}
impl Bounded for u32 {}
impl Bounded for usize {}

impl Bounded for Duration {
    fn bound(&mut self) {
        *self = CENTURY.min(*self);
    }
}

impl<T: Bounded> Bounded for Option<T> {
    fn bound(&mut self) {
        self.iter_mut().for_each(T::bound);
    }
}

/// Declares groups of settings. A group whose fields all have default values can be a file by itself.
macro_rules! groups {
    ($($(#[$doc:meta])* pub struct $group:ident {
        $($(#[$field_doc:meta])* pub $field:ident: $type:ty $(= $default:expr)?,)+
    })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $group {
            $($(#[$field_doc])* pub $field: $type,)+
        }

        groups!(@default $group { $($field $(= $default)?,)+ });

        impl Bounded for $group {
            fn bound(&mut self) {
                $(self.$field.bound();)+
            }
        }

        #[cfg(feature = "serde")]
        serfer_settings::settings_group! { $group { $($field),+ } }
    )+};
    (@default $group:ident { $($field:ident = $default:expr,)+ }) => {
        impl Default for $group {
            fn default() -> Self {
                Self { $($field: $default),+ }
            }
        }

        #[cfg(feature = "serde")]
        serfer_settings::settings_file! { $group: vec![("", Self::default())] }
    };
    (@default $group:ident { $($field:ident,)+ }) => {};
}

pub(super) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Gossip, SeedKeeper};

    #[test]
    fn times_are_bounded_and_nothing_else() {
        let mut gossip = Gossip { to_the_dead: Duration::MAX, ..crate::Config::lan("").gossip };
        gossip.bound();
        assert_eq!(gossip, Gossip { to_the_dead: CENTURY, ..crate::Config::lan("").gossip });

        let longest = SeedKeeper { retry_max: Duration::MAX, ..SeedKeeper::default() };
        let mut keeper = Some(longest);
        keeper.bound();
        assert_eq!(keeper, Some(SeedKeeper { retry_max: CENTURY, ..longest }));
    }
}
