//! One line of a snapshot: parsed and written.

use std::fmt;
use std::net::SocketAddr;

use crate::api::incarnation;
use crate::api::received_name;
use crate::wire::msgpack::Text;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    /// A member is here.
    Alive(&'a str, SocketAddr),
    /// A member left or failed.
    NotAlive(&'a str),
    /// The last time seen of the member clock.
    Clock(u64),
    /// The time of the last user event.
    EventClock(u64),
    /// The time of the last query.
    QueryClock(u64),
    /// We left.
    Leave,
    /// Written by Go until serf 0.8.1, and ignored.
    Coordinate,
    /// A member failed and may come back. Not in Go's snapshots.
    Failed(&'a str, SocketAddr),
    /// A failed member is no longer expected back. Not in Go's snapshots.
    Reaped(&'a str),
    /// For how many seconds we have run, in all our lives. Not in Go's snapshots.
    Uptime(u64),
    /// Our own incarnation. Not in Go's snapshots.
    Incarnation(u32),
    /// A comment for people.
    Comment,
}

/// The largest Lamport time that is believed: that of a thousand events a second for 30 years. A node that
/// has seen a later one would ignore whatever others say.
const TIME_MAX: u64 = 1 << 40;

/// How lines begin.
const KEYWORDS: [&str; 8] = [
    "alive: ",
    "not-alive: ",
    "clock: ",
    "event-clock: ",
    "query-clock: ",
    "coordinate: ",
    "leave",
    "# ",
];

impl<'a> Record<'a> {
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, LineFault> {
        if line.contains(&0) {
            return Err(LineFault::Zeros);
        }
        let line = std::str::from_utf8(line).map_err(|_| LineFault::NotText)?;
        // An editor may have left these.
        let line = line.strip_suffix('\r').unwrap_or(line);
        let fault = |fault| match line.chars().any(|char| char.is_control() && char != '\t') {
            true => LineFault::NotText,
            false => fault,
        };
        Self::parse_text(line).map_err(fault)
    }

    fn parse_text(line: &'a str) -> Result<Self, LineFault> {
        if line == "leave" {
            return Ok(Self::Leave);
        }
        if let Some(comment) = line.strip_prefix('#') {
            return Self::parse_comment(comment);
        }
        let (keyword, value) = line.split_once(": ").ok_or(LineFault::Unknown)?;
        match keyword {
            "alive" => named_addr(value).map(|(name, addr)| Self::Alive(name, addr)),
            "not-alive" => name(value).map(Self::NotAlive),
            "clock" => time(value).map(Self::Clock),
            "event-clock" => time(value).map(Self::EventClock),
            "query-clock" => time(value).map(Self::QueryClock),
            "coordinate" => Ok(Self::Coordinate),
            _ => Err(LineFault::Unknown),
        }
    }

    fn parse_comment(comment: &'a str) -> Result<Self, LineFault> {
        match comment.trim_start().split_once(": ") {
            Some(("failed", value)) => named_addr(value).map(|(name, at)| Self::Failed(name, at)),
            Some(("reaped", value)) => name(value).map(Self::Reaped),
            Some(("uptime", value)) => time(value).map(Self::Uptime),
            Some(("incarnation", value)) => {
                let number = value.parse().map_err(|_| LineFault::Number)?;
                let usable = number <= incarnation::END - 2;
                usable.then_some(Self::Incarnation(number)).ok_or(LineFault::Number)
            }
            _ => Ok(Self::Comment),
        }
    }

    /// Whether a torn line may be the beginning of a record.
    pub(super) fn could_be(line: &[u8]) -> bool {
        let fits = |keyword: &str| {
            let keyword = keyword.as_bytes();
            line.starts_with(keyword) || keyword.starts_with(line)
        };
        KEYWORDS.iter().any(|keyword| fits(keyword))
    }

    /// Appends the line.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        use std::io::Write as _;
        writeln!(out, "{self}").expect("a Vec takes everything");
    }
}

impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alive(name, addr) => write!(f, "alive: {name} {addr}"),
            Self::NotAlive(name) => write!(f, "not-alive: {name}"),
            Self::Clock(time) => write!(f, "clock: {time}"),
            Self::EventClock(time) => write!(f, "event-clock: {time}"),
            Self::QueryClock(time) => write!(f, "query-clock: {time}"),
            Self::Leave => f.write_str("leave"),
            Self::Coordinate => f.write_str("coordinate: "),
            Self::Failed(name, addr) => write!(f, "# failed: {name} {addr}"),
            Self::Reaped(name) => write!(f, "# reaped: {name}"),
            Self::Uptime(secs) => write!(f, "# uptime: {secs}"),
            Self::Incarnation(number) => write!(f, "# incarnation: {number}"),
            Self::Comment => f.write_str("#"),
        }
    }
}

fn name(text: &str) -> Result<&str, LineFault> {
    received_name(Text(text.as_bytes())).ok_or(LineFault::Name)
}

/// Splits at the last space: a name may contain spaces, an address does not.
fn named_addr(text: &str) -> Result<(&str, SocketAddr), LineFault> {
    let (text, addr) = text.rsplit_once(' ').ok_or(LineFault::Address)?;
    let addr = addr.parse().map_err(|_| LineFault::Address)?;
    Ok((name(text)?, addr))
}

fn time(text: &str) -> Result<u64, LineFault> {
    let time = text.parse().map_err(|_| LineFault::Number)?;
    if time <= TIME_MAX { Ok(time) } else { Err(LineFault::Number) }
}

/// What is wrong with a line of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineFault {
    /// It has zeros, as a file may after a loss of power.
    #[error("has zeros in it, as after a loss of power")]
    Zeros,
    /// It has bytes that are not UTF-8, or control characters.
    #[error("is not text")]
    NotText,
    /// It begins like no record.
    #[error("is not a line of a snapshot")]
    Unknown,
    /// It does not end with `IP:PORT`.
    #[error("has no address at its end")]
    Address,
    /// It has no name, or one that no member can have.
    #[error("has no name that a member can have")]
    Name,
    /// It has no number, or one that is too large.
    #[error("has no number that can be used")]
    Number,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn every_line_is_read_as_it_is_written() {
        let records = [
            Record::Alive("web 1", addr("10.0.0.1:7946")),
            Record::Alive("six", addr("[fd00::1]:7946")),
            Record::NotAlive("web 1"),
            Record::Clock(TIME_MAX),
            Record::EventClock(0),
            Record::QueryClock(1),
            Record::Leave,
            Record::Failed("web 1", addr("10.0.0.1:7946")),
            Record::Reaped("web 1"),
            Record::Uptime(3600),
            Record::Incarnation(7),
        ];
        for record in records {
            let mut line = Vec::new();
            record.write(&mut line);
            assert_eq!(Record::parse(line.strip_suffix(b"\n").unwrap()), Ok(record));
        }
    }
}
