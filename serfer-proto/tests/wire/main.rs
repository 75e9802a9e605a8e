//! The wire format: [`golden`] holds it to bytes that Go wrote, [`properties`] to laws.

mod go_lzw;
mod golden;
mod properties;
