//! Recorded answers parse or are refused with a reason.
#![expect(clippy::print_stdout, reason = "figures and skips are told")]

use streife_sdk::testing::{fixtures, parse_all};

#[test]
fn reddit_answers() {
    for (name, least) in [("reddit_graw", 2), ("reddit_praw", 8)] {
        let Some(folder) = fixtures(env!("CARGO_MANIFEST_DIR"), name) else { continue };
        let sums = parse_all(&folder, streife_licensed::reddit::parse);
        println!("{name} {sums:?}");
        assert!(sums.with_events >= least && sums.problems == 0, "{sums:?}");
    }
}
