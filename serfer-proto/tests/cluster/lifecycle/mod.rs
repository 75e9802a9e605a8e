//! How a member joins, leaves, fails and comes back.

mod joining;
mod leaving;
mod returning;
mod seed_retry;
