//! Go's flavour of MessagePack: what go-msgpack writes, and all that it reads.
//!
//! Both generations of go-msgpack write strings and byte slices in the *raw* family of the old
//! specification (`a0..bf`, `da`, `db`), and structs as maps with sorted field names as keys. The older
//! generation (serf before 0.10.2) refuses `bin` where a string belongs, so everything textual leaves
//! this crate through [`put_raw`]. Reading is lenient: integers of any width, every string and binary
//! form, `nil` for any zero value, unknown keys.
//!
//! The rule not to break: a length that was read is compared with the bytes that remain before anything
//! is done with it, and nothing here recurses on the input.
//!
//! Read `value.rs` first, then `read.rs` and `write.rs`. `scan.rs` finds the end of a value.

mod read;
pub(super) mod scan;
mod value;
mod write;

pub use super::error::DecodeError;
pub use read::Reader;
pub(crate) use read::offset_in;
pub use value::{Float, Text, Value};
pub use write::{put_array, put_map, put_nil, put_raw, put_uint, raw_len};
pub(in crate::wire) use write::{put_raw_head, raw_key};
