//! Recorded streams, answers and records parse or are refused with a reason.
#![expect(clippy::print_stdout, reason = "figures and skips are told")]

use streife_sdk::testing::{files, fixtures, parse, parse_all};

#[test]
fn jetstream_recordings() {
    let Some(folder) = fixtures(env!("CARGO_MANIFEST_DIR"), "bluesky_jetstream") else { return };
    for path in files(&folder).into_iter().filter(|p| p.extension().is_some_and(|e| e == "jsonl")) {
        let parsed = parse(&path, streife_bluesky::jetstream::parse);
        let lines = std::fs::read_to_string(&path).unwrap().lines().filter(|l| !l.trim().is_empty()).count();
        let ignored: u64 = parsed.ignored.values().sum();
        assert_eq!(parsed.events.len() + ignored as usize, lines, "{}", path.display());
        assert!(parsed.problems.is_empty() && !parsed.events.is_empty(), "{:?}", parsed.problems);
        assert!(
            parsed
                .events
                .iter()
                .all(|e| e.event.event != streife_domain::EventKind::Post || e.event.posted_at.is_some())
        );
    }
}

#[test]
fn answers_and_records() {
    for (name, least) in [("bluesky_appview", 5), ("bluesky_records", 1)] {
        let Some(folder) = fixtures(env!("CARGO_MANIFEST_DIR"), name) else { return };
        let sums = parse_all(&folder, streife_bluesky::jetstream::parse);
        println!("{name} {sums:?}");
        assert!(sums.with_events >= least && sums.problems == 0, "{sums:?}");
    }
}
