//! Time and instructions of the engine alone: `cargo bench -p streife-rules --bench engine -- RULES BREADTH POSTS`.
//!
//! Counting instructions: `benches/instructions` runs this under valgrind and counts within [`measured`] only.

#![expect(clippy::print_stdout, reason = "a program that prints figures")]
#![expect(unsafe_code, reason = "an allocator that counts, to tell what a set holds")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};

use streife_rules::mix::{Breadth, Mix};
use streife_rules::{PostView, RuleSet, Scratch, SourceFile};

/// The function that the instruction counter looks for.
#[inline(never)]
fn measured(set: &RuleSet, posts: &[String], scratch: &mut Scratch) -> (usize, usize) {
    let (mut matched, mut hits, mut candidates) = (Vec::new(), 0, 0);
    for text in posts {
        candidates += set.matching(&PostView { text, ..PostView::default() }, scratch, &mut matched);
        hits += matched.len();
    }
    (hits, candidates)
}

/// Bytes of the heap in use, by the allocator's own word for each piece.
static HELD: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: hands everything on to the system's allocator; only counts besides.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(rounded(layout), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.fetch_sub(rounded(layout), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(place, layout) }
    }
}

/// What malloc of glibc takes for a piece: eight bytes more, rounded up to 16, at least 32.
fn rounded(layout: Layout) -> usize {
    (layout.size() + 8).next_multiple_of(16).max(32)
}

fn held() -> usize {
    HELD.load(Ordering::Relaxed)
}

/// CPU seconds of this thread so far (`/proc/self/schedstat`; valgrind does not bear `clock_gettime` of rustix), else wall
/// seconds.
fn cpu_seconds() -> f64 {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    let schedstat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = schedstat.split(' ').next().and_then(|text| text.parse::<f64>().ok());
    nanoseconds.map_or_else(|| START.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let number = |at: usize, otherwise: usize| {
        arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    };
    let breadth = match arguments.get(1).map(String::as_str) {
        Some("narrow") => Breadth::Narrow,
        Some("medium") => Breadth::Medium,
        Some("broad") => Breadth::Broad,
        _ => Breadth::Mixed,
    };
    let (rules, posts) = (number(0, 10_000), number(2, 20_000));
    let mut mix = Mix::new(1);
    let file = if arguments.get(1).is_some_and(|kind| kind == "words") {
        let rule = |id: usize| {
            format!(
                "---\nid: w-{id:06}\npurpose: demonstration\nlegal_basis: none\nreview_by: 2027-01-31\nwhen: 'raw:{}'\ntests: [{{text: x, expect: miss}}]\n",
                mix.word(Breadth::Mixed)
            )
        };
        (0..rules).map(rule).collect()
    } else {
        mix.rule_file(rules, breadth)
    };
    let posts: Vec<String> = (0..posts).map(|_| mix.post()).collect();
    let started = cpu_seconds();
    let before = held();
    let set = RuleSet::compile(&[SourceFile { path: "mix", text: &file }], "2026-11-22").set;
    let compile = cpu_seconds() - started;
    let held = held() - before;
    drop(file);
    let mut scratch = Scratch::default();
    // Warm up outside of what is counted: tables that are made once, buffers, regular expressions.
    for text in &posts[..posts.len().min(200)] {
        set.matching(&PostView { text, ..PostView::default() }, &mut scratch, &mut Vec::new());
    }
    let (mut best, mut found) = (f64::MAX, (0, 0));
    for _ in 0..number(3, 3) {
        let started = cpu_seconds();
        found = black_box(measured(&set, &posts, &mut scratch));
        best = best.min(cpu_seconds() - started);
    }
    let per_post = |count: usize| count as f64 / posts.len() as f64;
    println!(
        "{} rules {breadth:?}: {:.0} posts/CPU-s, {:.2} us/post, {:.2} hits and {:.1} candidates a post, compiled in {compile:.2} s, holds {:.1} MB (index {:.1})",
        set.rules().len(),
        posts.len() as f64 / best,
        best * 1e6 / posts.len() as f64,
        per_post(found.0),
        per_post(found.1),
        held as f64 / 1e6,
        set.index_bytes() as f64 / 1e6,
    );
}
