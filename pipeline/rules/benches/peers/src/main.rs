//! Whole-word matching of many terms by other engines: `streife-rules-peers ENGINE TERMS TEXTS ROUNDS`.
//!
//! TERMS has one term a line, TEXTS one text a line, both in lower case. A hit is a pair of text and term that stands
//! in it as a whole word. Prints one JSON line; the digest is the XOR of [`mixed`] over all hits.

mod hyperscan;

use std::fs;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use daachorse::CharwiseDoubleArrayAhoCorasick;
use hyperscan::Hyperscan;

/// The same as in `streife bench rules`.
fn mixed(text: usize, term: usize) -> u64 {
    let product = u128::from((text as u64) << 32 ^ term as u64 ^ 0xa076_1d64_78bd_642f) * 0xe703_7ed1_a0b4_28db_u128;
    product as u64 ^ (product >> 64) as u64
}

fn cpu_seconds() -> f64 {
    let schedstat = fs::read_to_string("/proc/self/schedstat").expect("Linux");
    schedstat.split(' ').next().and_then(|text| text.parse::<f64>().ok()).expect("nanoseconds") / 1e9
}

/// Counts hits: whole words only, each term once a text.
struct Hits<'t> {
    terms: &'t [String],
    stamps: Vec<u32>,
    text: usize,
    hits: u64,
    digest: u64,
}

impl Hits<'_> {
    fn found(&mut self, text: &str, term: usize, end: usize) {
        let start = end - self.terms[term].len();
        let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        if is_word(text[..start].chars().next_back()) || is_word(text[end..].chars().next()) {
            return;
        }
        if self.stamps[term] != self.text as u32 + 1 {
            self.stamps[term] = self.text as u32 + 1;
            self.hits += 1;
            self.digest ^= mixed(self.text, term);
        }
    }
}

fn run(name: &str, terms: &[String], texts: &[&str], rounds: usize, build: f64, bytes: usize, scan: &dyn Fn(&str, &mut Hits)) {
    let mut best = f64::MAX;
    let mut hits = Hits { terms, stamps: Vec::new(), text: 0, hits: 0, digest: 0 };
    for _ in 0..rounds {
        hits = Hits { terms, stamps: vec![0; terms.len()], text: 0, hits: 0, digest: 0 };
        let started = cpu_seconds();
        for (at, text) in texts.iter().enumerate() {
            hits.text = at;
            scan(text, &mut hits);
        }
        best = best.min(cpu_seconds() - started);
    }
    println!(
        r#"{{"engine": "{name}", "hits": {}, "digest": "{:016x}", "cpu_s": {best}, "build_s": {build}, "megabytes": {}}}"#,
        hits.hits,
        hits.digest,
        bytes as f64 / 1e6
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [engine, terms, texts, rounds] = &arguments[..] else { panic!("ENGINE TERMS TEXTS ROUNDS") };
    let terms: Vec<String> = fs::read_to_string(terms).expect("terms").lines().map(str::to_owned).collect();
    let texts = fs::read_to_string(texts).expect("texts");
    let texts: Vec<&str> = texts.lines().collect();
    let rounds = rounds.parse().expect("rounds");
    let started = cpu_seconds();
    match engine.as_str() {
        "aho-corasick" => {
            let automaton = AhoCorasick::builder()
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .match_kind(MatchKind::Standard)
                .build(&terms)
                .expect("automaton");
            let build = cpu_seconds() - started;
            run(engine, &terms, &texts, rounds, build, automaton.memory_usage(), &|text, hits| {
                for found in automaton.find_overlapping_iter(text) {
                    hits.found(text, found.pattern().as_usize(), found.end());
                }
            });
        }
        "daachorse" => {
            let automaton = CharwiseDoubleArrayAhoCorasick::<u32>::new(&terms).expect("automaton");
            let build = cpu_seconds() - started;
            run(engine, &terms, &texts, rounds, build, automaton.heap_bytes(), &|text, hits| {
                for found in automaton.find_overlapping_iter(text) {
                    hits.found(text, found.value() as usize, found.end());
                }
            });
        }
        _ => {
            let automaton = Hyperscan::new(&terms);
            let build = cpu_seconds() - started;
            run(engine, &terms, &texts, rounds, build, automaton.bytes(), &|text, hits| {
                automaton.scan(text, &mut |term, end| hits.found(text, term, end));
            });
        }
    }
}
