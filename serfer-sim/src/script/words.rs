//! The words of a command: plain words, and pairs `name=value`.
//!
//! A command takes the words that it knows. [`Words::end`] fails if any are left, so a misspelt
//! setting is an error.

use std::collections::VecDeque;
use std::str::FromStr;
use std::time::Duration;

use crate::network::{Latency, Traffic};

/// The words of a command that were not taken yet.
#[derive(Debug)]
pub(super) struct Words {
    plain: VecDeque<String>,
    named: Vec<(String, String)>,
}

/// The error is a message for the author of the script.
pub(super) type Result<T> = std::result::Result<T, String>;

impl Words {
    /// Splits a line at spaces outside of quotes. Returns the first word and the others.
    pub(super) fn split(line: &str) -> Result<(String, Self)> {
        let mut words = vec![String::new()];
        let mut is_quoted = false;
        for c in line.chars() {
            match c {
                '"' => is_quoted = !is_quoted,
                ' ' if !is_quoted => words.push(String::new()),
                c => words.last_mut().expect("there is one from the start").push(c),
            }
        }
        if is_quoted {
            return Err("a quote is not closed".to_owned());
        }
        let mut words = words.into_iter().filter(|word| !word.is_empty());
        let name = words.next().unwrap_or_default();
        let mut rest = Self { plain: VecDeque::new(), named: Vec::new() };
        for word in words {
            match word.split_once('=') {
                Some((key, value)) => rest.named.push((key.to_owned(), value.to_owned())),
                None => rest.plain.push_back(word),
            }
        }
        Ok((name, rest))
    }

    /// The next plain word. `what` says in the error what is missing.
    pub(super) fn next(&mut self, what: &str) -> Result<String> {
        self.next_if_any().ok_or_else(|| format!("{what} is missing"))
    }

    /// The next plain word, if there is one.
    pub(super) fn next_if_any(&mut self) -> Option<String> {
        self.plain.pop_front()
    }

    /// Takes this plain word. Returns whether it was there.
    pub(super) fn flag(&mut self, word: &str) -> bool {
        let at = self.plain.iter().position(|it| it == word);
        at.and_then(|at| self.plain.remove(at)).is_some()
    }

    /// All plain words that are left.
    pub(super) fn rest(&mut self) -> Vec<String> {
        self.plain.drain(..).collect()
    }

    /// The value of a name.
    pub(super) fn named(&mut self, key: &str) -> Option<String> {
        let at = self.named.iter().position(|(it, _)| it == key)?;
        Some(self.named.remove(at).1)
    }

    /// All pairs that are left.
    pub(super) fn rest_named(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.named)
    }

    /// The value of a name, parsed.
    pub(super) fn parsed<T: FromStr>(&mut self, key: &str) -> Result<Option<T>> {
        self.named(key).map(|value| parse(key, &value)).transpose()
    }

    /// The value of a name, as a time.
    pub(super) fn time(&mut self, key: &str) -> Result<Option<Duration>> {
        self.named(key).map(|value| time(&value)).transpose()
    }

    /// The kind of traffic: `traffic=udp`, `traffic=tcp`, or both.
    pub(super) fn traffic(&mut self) -> Result<Traffic> {
        match self.named("traffic").as_deref() {
            None | Some("all") => Ok(Traffic::All),
            Some("udp") => Ok(Traffic::Datagrams),
            Some("tcp") => Ok(Traffic::Streams),
            Some(other) => {
                Err(format!("`{other}` is not a kind of traffic: write udp, tcp or all"))
            }
        }
    }

    /// Fails if any words are left.
    pub(super) fn end(self) -> Result<()> {
        let named = self.named.into_iter().map(|(key, _)| key);
        match self.plain.into_iter().chain(named).next() {
            None => Ok(()),
            Some(word) => Err(unknown(&word)),
        }
    }
}

pub(super) fn unknown(word: &str) -> String {
    format!("unknown word `{word}`")
}

pub(super) fn parse<T: FromStr>(key: &str, value: &str) -> Result<T> {
    value.parse().map_err(|_| format!("`{value}` cannot be the value of `{key}`"))
}

pub(super) fn switch(key: &str, value: &str) -> Result<bool> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(format!("`{other}` cannot be the value of `{key}`: write on or off")),
    }
}

pub(super) fn time(text: &str) -> Result<Duration> {
    let error = || format!("`{text}` is not a time: write 100ms, 5s or 2m");
    let digits = text.trim_end_matches(char::is_alphabetic);
    let seconds = match &text[digits.len()..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(error()),
    };
    let number: f64 = digits.parse().map_err(|_| error())?;
    // Rounded, since a fraction of a second may not be exact.
    let nanos = (number * seconds * 1e9).round();
    if (0.0..1e18).contains(&nanos) { Ok(Duration::from_nanos(nanos as u64)) } else { Err(error()) }
}

/// `10ms` is a fixed time. `5ms..50ms` is a uniform distribution. `5ms+20ms` is a minimum plus an
/// exponential distribution with the second time as its mean.
pub(super) fn latency(text: &str) -> Result<Latency> {
    if let Some((min, max)) = text.split_once("..") {
        return Ok(Latency::Uniform { min: time(min)?, max: time(max)? });
    }
    if let Some((min, mean)) = text.split_once('+') {
        return Ok(Latency::Exponential { min: time(min)?, mean: time(mean)? });
    }
    Ok(Latency::Fixed(time(text)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_at_spaces_outside_of_quotes() {
        let (name, mut words) = Words::split("event a  deploy \"v2 final\" coalesce=on").unwrap();
        assert_eq!(name, "event");
        assert_eq!(words.next("a node"), Ok("a".to_owned()));
        assert_eq!(words.named("coalesce").as_deref(), Some("on"));
        assert_eq!(words.rest(), ["deploy", "v2 final"]);
        assert_eq!(words.next("more"), Err("more is missing".to_owned()));
        assert!(Words::split("event \"a").is_err());
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(time("100ms"), Ok(Duration::from_millis(100)));
        assert_eq!(time("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(time("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "5", "ms", "-1s", "5 s", "1e99s", "5days"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
