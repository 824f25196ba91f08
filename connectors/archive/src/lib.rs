//! Replay and import from files: JSONL, CSV, WARC and WET, ARC, recorded streams and pages of any kind.
//!
//! Every format is cut into *units* (lines, rows, records; [`units`]); a unit becomes an event, a problem that keeps its
//! bytes, or a counted pass-over. The same cutting and reading serves `streife sources parse` and the live [`replay`],
//! whose cursor is the file, the number of units behind it, and a hash that tells whether it is still that file.

pub mod csv_rows;
mod http_record;
pub mod jsonl;
pub mod replay;
mod units;
pub mod warc;

use streife_sdk::Kind;

/// The lines of the application's registration table.
pub const KINDS: &[Kind] = &[
    Kind { name: jsonl::KIND, parse: jsonl::parse, connect: replay::connect },
    Kind { name: csv_rows::KIND, parse: csv_rows::parse, connect: replay::connect },
    Kind { name: warc::KIND, parse: warc::parse, connect: replay::connect },
    Kind { name: replay::KIND, parse: replay::parse, connect: replay::connect },
];
