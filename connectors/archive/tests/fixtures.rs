//! Recorded archives parse or are refused with a reason.
#![expect(clippy::print_stdout, reason = "figures and skips are told")]

use streife_sdk::testing::{fixtures, parse_all};

#[test]
fn archives() {
    let Some(folder) = fixtures(env!("CARGO_MANIFEST_DIR"), "warc") else { return };
    let sums = parse_all(&folder, streife_archive::warc::parse);
    println!("{sums:?}");
    assert!(sums.with_events * 10 >= sums.files * 7, "{sums:?}");
}
