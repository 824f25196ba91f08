//! Replay and import from files: JSONL, CSV, WARC, recorded streams.
