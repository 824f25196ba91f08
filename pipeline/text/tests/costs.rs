//! What each step costs for a post of about 300 bytes: CPU nanoseconds, the median of several rounds.

#![expect(clippy::print_stdout, reason = "a measurement prints its table")]

use std::hint::black_box;

use streife_text::duplicate::{CampaignIndex, signature};
use streife_text::{FoldLevel, Folded, clean_for_models, fold, fold_into, sentences, words};

const ROUNDS: usize = 9;
const PER_ROUND: usize = 10_000;

/// Nanoseconds this thread has run on a CPU (Linux), so that other load does not count.
fn cpu_nanos() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}

fn cost(name: &str, texts: &[String], mut step: impl FnMut(&str)) {
    let mut rounds: Vec<u64> = (0..ROUNDS)
        .map(|_| {
            let begun = cpu_nanos();
            for text in texts.iter().cycle().take(PER_ROUND) {
                step(black_box(text));
            }
            (cpu_nanos() - begun) / PER_ROUND as u64
        })
        .collect();
    rounds.sort_unstable();
    println!("| {name} | {} |", rounds[ROUNDS / 2]);
}

/// Made-up posts of about 300 bytes with words joined at random.
fn posts(words: &[&str]) -> Vec<String> {
    let mut state = 1_u32;
    (0..500)
        .map(|_| {
            let mut text = String::new();
            while text.len() < 295 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push_str(words[(state >> 16) as usize % words.len()]);
                text.push(' ');
            }
            text
        })
        .collect()
}

#[test]
#[ignore = "long: run with --release -- --ignored --nocapture"]
fn per_post() {
    let plain = "The council of our town will meet on Monday and talk about new bicycle lanes near the station, says Mayor Miller today";
    let plain: Vec<&str> = plain.split(' ').collect();
    let german = "Der Stadtrat der Gemeinde trifft sich am Montag, um über die neue Straße für Fahrräder zu sprechen; „schön“, sagt die Bürgermeisterin 😀";
    let german: Vec<&str> = german.split(' ').collect();
    let disguised: Vec<&str> = german.iter().copied().chain(["w0rt", "groooß", "f e t t", "mаil"]).collect();
    let (plain, german, disguised) = (posts(&plain), posts(&german), posts(&disguised));
    let mut folded = Folded::default();
    let mut found = Vec::new();
    println!("| step | ns a post |");
    for (name, texts) in [("ASCII", &plain), ("German", &german), ("disguised", &disguised)] {
        for level in [FoldLevel::Case, FoldLevel::Std, FoldLevel::Stem] {
            cost(&format!("fold {level:?}, {name}"), texts, |text| fold_into(text, level, &mut folded));
        }
    }
    let normal: Vec<String> = german.iter().map(|text| fold(text, FoldLevel::Std).text).collect();
    cost("words", &normal, |text| words(text, &mut found));
    cost("sentences", &german, |text| drop(black_box(sentences(text))));
    cost("clean_for_models", &german, |text| drop(black_box(clean_for_models(text))));
    cost("signature", &normal, |text| {
        black_box(signature(text));
    });
    let mut index = CampaignIndex::new(100_000);
    let signatures: Vec<_> = (0..200_000)
        .map(|n| {
            signature(&format!("{}{n:x}", normal[n % normal.len()].replace('e', &format!("{:x}", n % 7919))))
        })
        .collect();
    let mut place = 0;
    cost("assign (100,000 remembered)", &normal, |_| {
        place = (place + 1) % signatures.len();
        black_box(index.assign(&signatures[place]));
    });
}
