//! The case workflow as a pure state machine, its database, and the two ledgers.
//!
//! * [`workflow`]: states, moves, `step`; what may never happen is refused there.
//! * [`role`]: who may do what, and which roles nobody may hold together.
//! * [`offence`], [`legal`]: the offence catalogue as data, and the form a case officer fills in.
//! * [`rulebook`]: rules, lists and suppressions written at the desk, and who may switch them live.
//! * [`calibration`]: what models expected, and what people found.
//! * [`quality`]: agreement of blind second looks, drift of a rule.
//! * [`glass`]: emergency access outside one's role, for half an hour and with a review.
//! * [`ledger`], [`merkle`], [`canonical`]: audit and custody, hash-chained, with signed checkpoints.
//! * [`tenant`]: who owns what on a site that several authorities share.
//! * [`store`]: SQLite or PostgreSQL; events are the truth, rows follow in the same transaction.
//!
//! No web, no log, no ClickHouse here.

pub mod calibration;
pub mod canonical;
mod correspondence;
pub mod deadlines;
mod edges;
pub mod glass;
pub mod ledger;
pub mod legal;
mod listed;
pub mod merkle;
pub mod offence;
pub mod password;
pub mod quality;
pub mod role;
pub mod rulebook;
pub mod store;
pub mod tenant;
pub mod workflow;
