//! Recorded forum pages against their gold posts: author, time, text. The figures stand in docs/sources.md.
#![expect(clippy::print_stdout, reason = "figures and skips are told")]

use std::io::Read;

use serde::Deserialize;
use streife_domain::{Author, Event, Timestamp};
use streife_sdk::testing::{SEEN_AT, files, fixtures, parse, word_f1};

/// The goal of each figure.
const GOAL: f64 = 0.95;
/// A parsed post with less in common with a gold post is another post.
const SAME_POST: f64 = 0.3;

#[derive(Deserialize)]
struct Page {
    gold_standard_annotation: Vec<Gold>,
}

#[derive(Deserialize)]
struct Gold {
    post_text: Surface,
    datetime: Surface,
    user: Surface,
}

#[derive(Deserialize)]
struct Surface {
    surface_form: String,
}

#[derive(Default)]
struct Score {
    found: usize,
    author: usize,
    time: usize,
    text: f64,
}

impl Gold {
    /// The gold gives a name, or the address of the member's page.
    fn is_author(&self, author: &Author) -> bool {
        let wanted = self.user.surface_form.trim().trim_start_matches("./").trim_matches('/');
        author.handle.as_deref() == Some(wanted) || author.id.trim_end_matches('/').ends_with(wanted)
    }

    /// The same day, give or take the zone. Gold times without a year or relative to an unknown visit ("2 weeks ago")
    /// agree with any time that was found.
    fn is_time(&self, time: Option<Timestamp>) -> bool {
        let Some(time) = time else { return false };
        let written = &self.datetime.surface_form;
        let has_year = written.split(|c: char| !c.is_ascii_digit()).any(|n| n.len() == 4)
            || written.split(['.', ' ']).filter(|n| n.parse::<u8>().is_ok()).count() >= 3;
        let is_relative = ["her", "ago", "vor"].iter().any(|w| written.split_whitespace().any(|x| x == *w));
        match streife_sdk::dates::parse(written, SEEN_AT) {
            Some(wanted) if has_year && !is_relative => {
                (time.as_secs() - wanted.as_secs()).abs() <= 86_400 + 7_200
            }
            _ => true,
        }
    }
}

/// Pairs gold posts with parsed ones: the most alike first, each once; what is left, empty texts for example, by its
/// author in the order of the page.
fn pairs<'a>(gold: &'a [Gold], events: &'a [Event]) -> Vec<(&'a Gold, &'a Event, f64)> {
    let mut alike: Vec<(f64, usize, usize)> = Vec::new();
    for (g, wanted) in gold.iter().enumerate() {
        for (e, event) in events.iter().enumerate() {
            alike.push((word_f1(&event.text, &wanted.post_text.surface_form), g, e));
        }
    }
    alike.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.abs_diff(a.2).cmp(&b.1.abs_diff(b.2))));
    let (mut gold_left, mut events_left) = (vec![true; gold.len()], vec![true; events.len()]);
    let mut found = Vec::new();
    for by_author in [false, true] {
        for (f1, g, e) in &alike {
            let is_same = match by_author {
                false => *f1 > SAME_POST,
                true => events[*e].author.as_ref().is_some_and(|a| gold[*g].is_author(a)),
            };
            if is_same && gold_left[*g] && events_left[*e] {
                (gold_left[*g], events_left[*e]) = (false, false);
                found.push((&gold[*g], &events[*e], *f1));
            }
        }
    }
    found
}

#[test]
fn gold_posts() {
    let Some(folder) = fixtures(env!("CARGO_MANIFEST_DIR"), "forum_html") else { return };
    let (mut all, mut sum) = (0, Score::default());
    for path in files(&folder) {
        let mut json = String::new();
        flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap()).read_to_string(&mut json).unwrap();
        let gold = serde_json::from_str::<Page>(&json).unwrap().gold_standard_annotation;
        let events: Vec<Event> =
            parse(&path, streife_forum::parse).events.into_iter().map(|e| e.event).collect();
        let mut page = Score::default();
        for (wanted, event, f1) in pairs(&gold, &events) {
            page.found += 1;
            page.author += usize::from(event.author.as_ref().is_some_and(|a| wanted.is_author(a)));
            page.time += usize::from(wanted.is_time(event.posted_at));
            page.text += f1;
        }
        println!(
            "{:30.30} gold {:2} parsed {:2} found {:2} author {:2} time {:2} text {:.3}",
            path.file_name().unwrap().to_string_lossy(),
            gold.len(),
            events.len(),
            page.found,
            page.author,
            page.time,
            page.text / gold.len() as f64
        );
        all += gold.len();
        sum.found += page.found;
        sum.author += page.author;
        sum.time += page.time;
        sum.text += page.text;
    }
    let share = |n: usize| n as f64 / all as f64;
    let shares = [share(sum.found), share(sum.author), share(sum.time), sum.text / all as f64];
    println!(
        "{all} gold posts: found {:.3}, author {:.3}, time {:.3}, text {:.3}",
        shares[0], shares[1], shares[2], shares[3]
    );
    assert!(shares.iter().all(|s| *s >= GOAL), "{shares:?}");
}
