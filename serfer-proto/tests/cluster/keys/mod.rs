//! Keys and other wire settings that change while nodes run.

mod changes;
mod migration;
mod rotation;
mod storing;
