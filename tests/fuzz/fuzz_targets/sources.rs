//! Any bytes, read as any kind of source, end in events and problems, never in a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streife_domain::Timestamp;
use streife_sdk::{Kind, Observation, ParseContext};

const KINDS: [&[Kind]; 15] = [
    streife_archive::KINDS,
    streife_feed::KINDS,
    streife_bluesky::KINDS,
    streife_mastodon::KINDS,
    streife_telegram::KINDS,
    streife_nostr::KINDS,
    streife_discourse::KINDS,
    streife_lemmy::KINDS,
    streife_imageboard::KINDS,
    streife_forum::KINDS,
    streife_nntp::KINDS,
    streife_matrix::KINDS,
    streife_youtube::KINDS,
    streife_licensed::KINDS,
    streife_exchange::KINDS,
];

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, bytes) = input;
    let all: Vec<&Kind> = KINDS.iter().copied().flatten().collect();
    let kind = all[usize::from(choice) % all.len()];
    let observation =
        Observation::new("https://example.org/fuzz".to_owned(), bytes.to_vec(), Timestamp::from_secs(1_800_000_000));
    let parsed = (kind.parse)(&observation, &ParseContext::new("fuzz"));
    for event in &parsed.events {
        assert!(!event.event.native_id.is_empty(), "an event without an id");
    }
});
