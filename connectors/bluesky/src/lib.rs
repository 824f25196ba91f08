//! Bluesky and the AT protocol: Jetstream (v1 and v2) and the firehose.
//!
//! * [`record`]: what a post record says, whichever way it came.
//! * [`jetstream`]: JSON events over a WebSocket.
//! * [`firehose`]: DAG-CBOR frames with CAR blocks, from a PDS or relay.

mod car;
pub mod firehose;
pub mod jetstream;
mod jetstream_live;
mod place;
mod record;
mod stream;
mod views;

use streife_sdk::Kind;

/// The platform of all events of this crate.
pub const PLATFORM: &str = "bluesky";

/// The lines of the application's registration table.
pub const KINDS: &[Kind] = &[
    Kind { name: jetstream::KIND, parse: jetstream::parse, connect: jetstream::connect },
    Kind { name: firehose::KIND, parse: firehose::parse, connect: firehose::connect },
];
