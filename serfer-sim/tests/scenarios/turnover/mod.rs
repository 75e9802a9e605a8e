//! Nodes that come and go.

mod autoscaling;
mod churn;
mod restarts;
mod rolling;
