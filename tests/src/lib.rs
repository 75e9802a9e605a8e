//! What the test targets of this package share: the functions of the fuzz targets. And documents
//! whose code has to compile.

pub mod fuzz;

/// Makes the code in this document a doctest.
#[cfg(doctest)]
#[doc = include_str!("../../docs/from-go.md")]
pub struct FromGo;

/// The same.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
