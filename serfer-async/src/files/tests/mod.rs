//! Files that are read, written and locked.

mod disk;
mod keyring;
