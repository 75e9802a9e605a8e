//! What test targets of this package share with others: the bodies of the fuzz targets.

pub mod fuzz;
