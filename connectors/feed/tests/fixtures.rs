//! Recorded feeds and pages parse or are refused with a reason; main text is scored against its gold.
#![expect(clippy::print_stdout, reason = "figures and skips are told")]

use std::collections::HashMap;

use serde::Deserialize;
use streife_sdk::testing::{files, fixtures, parse, word_f1};

#[test]
fn feeds() {
    for (name, share) in [("feeds_feedrs", 90), ("feeds_feedparser", 20)] {
        let Some(folder) = fixtures(env!("CARGO_MANIFEST_DIR"), name) else { continue };
        let (mut all, mut with_events, mut empty) = (0, 0, Vec::new());
        for path in files(&folder).into_iter().filter(|p| !p.to_string_lossy().ends_with(".serde.json")) {
            let parsed = parse(&path, streife_feed::feed::parse);
            all += 1;
            if parsed.events.is_empty() {
                let why = parsed.problems.first().map_or("no entries".to_owned(), |p| p.message.clone());
                empty.push((path.file_name().unwrap().to_owned(), why));
            } else {
                with_events += 1;
            }
        }
        println!("{name}: {with_events} of {all} with entries; {empty:?}");
        assert!(with_events * 100 >= all * share, "{name}: {with_events} of {all}");
    }
}

#[derive(Deserialize)]
struct Gold {
    #[serde(rename = "articleBody")]
    body: String,
}

/// Shingles of four words, as the benchmark scores.
#[test]
fn main_text() {
    let Some(folder) = fixtures(env!("CARGO_MANIFEST_DIR"), "article_extraction") else { return };
    let gold: HashMap<String, Gold> =
        serde_json::from_slice(&std::fs::read(folder.join("ground-truth.json")).unwrap()).unwrap();
    let (mut sum, mut count, mut low) = (0.0, 0, Vec::new());
    for path in files(&folder.join("html")) {
        let name = path.file_name().unwrap().to_string_lossy().replace(".html.gz", "");
        let Some(gold) = gold.get(&name) else { continue };
        let parsed = parse(&path, streife_feed::page::parse);
        let text = parsed.events.first().map(|e| e.event.text.as_str()).unwrap_or_default();
        let f1 = word_f1(text, &gold.body);
        if f1 < 0.8 {
            low.push((name[..8].to_owned(), (f1 * 100.0) as i32));
        }
        sum += f1;
        count += 1;
    }
    println!("main text: F1 {:.3} over {count} pages; below 0.8: {low:?}", sum / f64::from(count));
    assert!(sum / f64::from(count) >= 0.90);
}
