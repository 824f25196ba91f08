//! WARC 1.1 (ISO 28500): the bytes collected, as requests, responses and resources, each record a gzip member of
//! its own. Digests are `sha256:` with lower-case hex, equal to what `sha256sum` prints.

mod read;
mod write;

pub use read::{ReadRecord, WarcError, read};
pub use write::{Exchange, Record, write};
