//! Which settings of a node are wrong: all of them at once, before anything is bound or read.

use serfer_proto::{ConfigError, ConfigFault};

use super::Builder;
use super::addresses::host_name;
use crate::discovery::address::{Address, DEFAULT_PORT};
use crate::error::Error;
use crate::runtime::Runtime;

/// How many events a reader may fall behind at most.
const EVENT_BUFFER_MAX: u64 = 65_536;

/// How often seeds are looked up at least: once a day, in milliseconds.
const SEED_INTERVAL_MAX: u64 = 24 * 60 * 60 * 1000;

impl<R: Runtime> Builder<R> {
    /// Refuses settings that cannot work.
    pub(super) fn check(&self) -> Result<(), Error> {
        let mut errors = Vec::new();
        if let Some(router) = &self.router {
            errors.extend(router.check().err().map(Error::from));
        }
        let addresses = [Some(&self.options.bind), self.options.advertise.as_ref()];
        for address in addresses.into_iter().flatten() {
            errors.extend(Address::parse(address).err().map(Error::from));
        }
        if self.options.named_after_host {
            errors.extend(host_name(DEFAULT_PORT).err());
        }
        let faults = self.faults();
        if !faults.is_empty() {
            errors.push(Error::Config(ConfigError { faults }));
        }
        match errors.pop() {
            None => Ok(()),
            Some(only) if errors.is_empty() => Err(only),
            Some(last) => {
                errors.push(last);
                Err(Error::Several(errors))
            }
        }
    }

    /// What is wrong with numbers, times, the name and tags.
    fn faults(&self) -> Vec<ConfigFault> {
        let mut faults = self.config.check().err().map(|error| error.faults).unwrap_or_default();
        if self.options.named_after_host {
            faults.retain(|fault| !matches!(fault, ConfigFault::Name { .. }));
        }
        let interval = u64::try_from(self.options.seed_interval.as_millis()).unwrap_or(u64::MAX);
        let ranges = [
            // Each reader may fill all of its buffer.
            ("event_buffer", self.options.event_buffer as u64, 1, EVENT_BUFFER_MAX),
            ("seed_interval in milliseconds", interval, 10, SEED_INTERVAL_MAX),
        ];
        let wrong =
            ranges.into_iter().filter(|&(_, value, min, max)| !(min..=max).contains(&value));
        faults.extend(wrong.map(|(setting, value, min, max)| ConfigFault::Range {
            setting,
            value,
            min,
            max,
        }));
        faults
    }
}

#[cfg(test)]
mod tests {
    use serfer_proto::Config;

    use super::*;
    use crate::node::testing::ManualRuntime;

    fn problem(change: impl FnOnce(Builder<ManualRuntime>) -> Builder<ManualRuntime>) -> String {
        let config = Config::lan("").user_event_len_max(0);
        let builder = change(Builder::new(ManualRuntime::new(), config).event_buffer(0));
        builder.check().expect_err("it cannot work").to_string()
    }

    #[test]
    fn all_that_is_wrong_with_the_settings_is_said_at_once() {
        let shown = problem(|it| it.bind(":80").advertise("host:99999"));
        for part in [
            "address \":80\" has no host",
            "port \"99999\"",
            "name \"\" is empty",
            "user_event_len_max of 0 is not within 1 to 9216",
            "event_buffer of 0 is not within 1 to 65536",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(problem(|it| it).starts_with("configuration: name"));
    }

    #[test]
    fn a_node_that_is_named_after_its_host_needs_no_other_name() {
        let shown = problem(Builder::named_after_host);
        assert!(!shown.contains("is empty"), "{shown}");
    }
}
