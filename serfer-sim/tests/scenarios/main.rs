//! What has gone wrong in clusters of real users, played again.
//!
//! Every test names a behaviour, says what was seen where it was missing, and states how long it may
//! take as a constant, in simulated time. All of them use the default LAN configuration unless it is
//! what they are about, and run with several seeds; a failure names the seed it failed with.
//!
//! References: hm is github.com/hashicorp/memberlist, hs is hashicorp/serf, hc is hashicorp/consul.

mod churn;
mod crowds;
mod fairness;
mod keys;
mod links;
mod loss;
mod partitions;
mod pods;
mod quiet;
mod restarts;
mod sick;
mod support;
