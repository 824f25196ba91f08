//! Any record of `posts.raw` decodes or is rejected with a reason.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use streife_domain::Timestamp;
use streife_log::{Message, Record};

fuzz_target!(|input: (Vec<u8>, Vec<(String, Vec<u8>)>)| {
    let (value, headers) = input;
    let headers = headers.into_iter().map(|(name, value)| (name, Bytes::from(value))).collect();
    let record = Record { key: Bytes::from_static(b"k"), value: value.into(), headers };
    let message = Message { topic: "posts.raw".to_owned(), partition: 0, offset: 0, timestamp_ms: 0, record };
    if let Err(rejected) = streife_runtime::decode(&message, Timestamp::from_secs(1_800_000_000)) {
        assert!(!rejected.message.is_empty());
    }
});
