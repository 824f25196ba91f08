//! Recorded forum pages against their gold posts: author, time, text.
#![expect(clippy::print_stdout, reason = "figures and skips are told")]

use std::io::Read;

use serde::Deserialize;
use streife_sdk::testing::{SEEN_AT, files, fixtures, parse, word_f1};

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

#[test]
fn gold_posts() {
    let Some(folder) = fixtures(env!("CARGO_MANIFEST_DIR"), "forum_html") else { return };
    let (mut all, mut found, mut authors, mut times, mut texts) = (0, 0, 0, 0, 0.0);
    for path in files(&folder) {
        let mut json = String::new();
        flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap()).read_to_string(&mut json).unwrap();
        let page: Page = serde_json::from_str(&json).unwrap();
        let parsed = parse(&path, streife_forum::parse);
        let (mut a, mut t, mut x, mut n) = (0, 0, 0.0, 0);
        for gold in &page.gold_standard_annotation {
            all += 1;
            let best = parsed
                .events
                .iter()
                .map(|e| (word_f1(&e.event.text, &gold.post_text.surface_form), e))
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .filter(|(f1, _)| *f1 > 0.3);
            let Some((f1, event)) = best else { continue };
            n += 1;
            x += f1;
            let wanted = streife_sdk::dates::parse(&gold.datetime.surface_form, SEEN_AT);
            let day = |t: Option<streife_domain::Timestamp>| t.map(|t| (t.as_secs() + 7_200) / 86_400);
            t += usize::from(
                event.event.posted_at.is_some()
                    && (wanted.is_none()
                        || (day(event.event.posted_at).unwrap() - day(wanted).unwrap()).abs() <= 1),
            );
            // The gold gives a name, or the address of the member's page.
            let wanted = gold.user.surface_form.trim().trim_start_matches("./").trim_matches('/');
            let is_member = |a: &streife_domain::Author| {
                a.handle.as_deref() == Some(wanted) || a.id.trim_end_matches('/').ends_with(wanted)
            };
            a += usize::from(event.event.author.as_ref().is_some_and(is_member));
        }
        let gold = page.gold_standard_annotation.len();
        println!(
            "{:30.30} gold {gold:2} parsed {:2} matched {n:2} author {a:2} time {t:2} text {:.2}",
            path.file_name().unwrap().to_string_lossy(),
            parsed.events.len(),
            x / n.max(1) as f64
        );
        found += n;
        authors += a;
        times += t;
        texts += x;
    }
    let share = |n: usize| n as f64 / f64::from(all);
    println!(
        "{all} gold posts: found {:.3}, author {:.3}, time {:.3}, text {:.3}",
        share(found),
        share(authors),
        share(times),
        texts / f64::from(all)
    );
    assert!(share(found) >= 0.70 && share(authors) >= 0.60);
}
