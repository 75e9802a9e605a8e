//! What both layers run on: timers, randomness, the outbox, sealing, counters, tables.
//!
//! `memberlist/` and `serf/` use it through [`context::Cx`]; it knows neither of them. Read [`context`]
//! first, then [`output`], [`timers`], [`link`] and [`unpacker`], and for what is too long for one call
//! [`portion`] and [`long_frames`]. [`news_clock`] says when news is sent. [`table`] finds members, [`rng`] is all
//! chance, [`stats`] counts, [`slack`] gives memory back.

pub(crate) mod context;
mod hash_key;
pub(crate) mod link;
pub(crate) mod long_frames;
pub(crate) mod news_clock;
pub(crate) mod output;
pub(crate) mod portion;
pub(crate) mod rng;
mod row_index;
pub(crate) mod slack;
pub(crate) mod stats;
pub(crate) mod table;
pub(crate) mod timers;
pub(crate) mod unpacker;

pub(crate) use context::{Core, Cx};
pub(crate) use link::{Checksum, Refusal, checksum_for};
pub(crate) use long_frames::{Opener, Sealer};
pub(crate) use output::Output;
pub(crate) use portion::{Portion, cost};
pub(crate) use rng::Rng;
pub(crate) use stats::{DropReason, Stats, is_notable};
pub(crate) use table::{Generation, Key, Row, Table, push_tight};
pub(crate) use timers::Timer;
pub(crate) use unpacker::Unpacker;
