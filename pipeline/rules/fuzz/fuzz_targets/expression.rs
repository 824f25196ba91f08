//! Any text is read without a panic, and what is printed reads back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streife_rules::syntax::{parse, print};

fuzz_target!(|text: &str| {
    let parsed = parse(text);
    if parsed.findings.is_empty() {
        let printed = print(&parsed.expr);
        assert_eq!(print(&parse(&printed).expr), printed);
    }
});
