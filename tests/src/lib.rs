//! Holds nothing itself: this package is its two test targets, `suite` and `interop`.
