//! The wire format: [`golden`] compares it with bytes that Go wrote, [`properties`] checks laws.

mod go_lzw;
mod golden;
mod properties;
