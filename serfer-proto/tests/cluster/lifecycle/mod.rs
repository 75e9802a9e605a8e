//! How a member comes, goes and comes back.

mod joining;
mod leaving;
mod returning;
mod seed_retry;
