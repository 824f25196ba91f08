//! Recorded answers parse or are refused with a reason.
#![expect(clippy::print_stdout, reason = "figures and skips are told")]

use streife_sdk::testing::{fixtures, parse_all};

#[test]
fn recorded_answers() {
    for (name, least) in [("imageboard_4chan", 1)] {
        let Some(folder) = fixtures(env!("CARGO_MANIFEST_DIR"), name) else { continue };
        let sums = parse_all(&folder, streife_imageboard::parse);
        println!("{name} {sums:?}");
        assert!(sums.with_events >= least && sums.without_time * 10 <= sums.events, "{sums:?}");
    }
}
