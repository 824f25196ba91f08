//! Any bytes given as a referral package or a web archive are refused with a reason, never with a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streife_evidence::verify::{VerifyOptions, verify_bytes};

fuzz_target!(|bytes: &[u8]| {
    assert!(!verify_bytes(bytes, &VerifyOptions::default(), &mut |_| {}));
    drop(streife_evidence::warc::read(bytes));
});
