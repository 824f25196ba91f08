//! ClickHouse rows, migrations, batch sink, queries, and the embedded engine's HTTP front.
pub mod engine;
