//! The case workflow as a pure state machine, its database, and the two ledgers.
