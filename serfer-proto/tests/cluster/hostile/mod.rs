//! Bad input of every kind: the node goes on, and its memory is bounded.

mod attacks;
mod chaos;
mod garbage;
mod heavy_streams;
mod inflation;
mod limits;
mod malformed;
mod mutation;
mod out_of_reach;
