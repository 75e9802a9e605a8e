//! Keys that change while nodes run, and what else of the wire format can change then.

mod changes;
mod migration;
mod rotation;
