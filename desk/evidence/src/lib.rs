//! Sealed evidence: capture, WARC, time stamps, packages and their verification.
