//! What can be done to nodes and to the network between them.

mod machines;
