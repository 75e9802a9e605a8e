//! What test targets of this package share with others: the bodies of the fuzz targets. And texts whose
//! code has to compile.

pub mod fuzz;

/// Has the code in this text compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/from-go.md")]
pub struct FromGo;

/// Likewise.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
