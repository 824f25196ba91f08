//! Tests of the whole. The crate itself is empty: each suite is a test target of its own.
