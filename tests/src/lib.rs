//! Tests of the whole: simulation, end to end, real servers.
