//! Problems that real users had with their clusters, as tests.
//!
//! Every test names a behaviour, says what users saw without it, and has a constant for how long it
//! may take, in simulated time. All tests use the default LAN configuration unless they are about
//! another one. They run with several seeds, and a failure names its seed.
//!
//! References: hm is github.com/hashicorp/memberlist, hs is hashicorp/serf, hc is hashicorp/consul.

mod crowds;
mod detection;
mod evidence;
mod fairness;
mod keys;
mod links;
mod loss;
mod news;
mod partitions;
mod pods;
mod quiet;
mod sick;
mod support;
mod turnover;
