//! `streife bench media`: perceptual hashes of pictures, and look-ups in a bank of ten million.
//!
//! Half of the look-ups are of near copies (0 to 31 bits changed), half of pictures that no bank knows. The peer compares with
//! every hash; both have to find the same before any figure is given.

use std::num::NonZeroUsize;
use std::time::Instant;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use streife_media::{HashIndex, Luminance, MATCH_DISTANCE, Pdq, linear, pdq};

use super::Figure;
use crate::cli::BenchArgs;
use crate::cost::{measure, resident_megabytes};
use crate::failure::Failure;
use crate::open;

const HASHES: usize = 10_000_000;
const LOOKUPS: usize = 40_000;
/// Look-ups that both sides do.
const COMPARED: usize = 40;
const PICTURES: usize = 200;
/// As posts have them.
const PICTURE_EDGES: (usize, usize) = (640, 480);
const SEED: u64 = 11;

pub(crate) fn run(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut figures = vec![hashing(&mut rng)?];
    let hashes: Vec<Pdq> = (0..HASHES).map(|_| Pdq(rng.random())).collect();
    let asked: Vec<Pdq> =
        (0..LOOKUPS * args.scale as usize).map(|number| asked(&mut rng, &hashes, number)).collect();

    let before = resident_megabytes();
    let (index, cost) = measure(|| HashIndex::new(&hashes));
    let index = index.ok_or_else(|| Failure::usage("too many hashes".to_owned()))?;
    figures.push(Figure::new(format!("index of {HASHES} hashes, built in"), cost.wall_seconds, "s"));
    figures.push(Figure::new("its memory", index.bytes() as f64 / f64::from(1 << 20), "MB"));
    figures.push(Figure::new("resident memory it added", resident_megabytes() - before, "MB"));

    let (expected, every) = measure(|| {
        asked[..COMPARED].iter().map(|hash| linear(&hashes, hash, MATCH_DISTANCE)).collect::<Vec<_>>()
    });
    let found: Vec<_> = asked[..COMPARED].iter().map(|hash| index.within(hash, MATCH_DISTANCE)).collect();
    if found != expected || expected.iter().all(Vec::is_empty) {
        return Err(Failure::from(anyhow::anyhow!("the index and the comparison with every hash differ")));
    }
    let (matches, cost) = measure(|| look_up(&index, &asked));
    if matches < asked.len() / 2 {
        return Err(Failure::from(anyhow::anyhow!(
            "{matches} of {} near copies were found",
            asked.len() / 2
        )));
    }
    figures.push(
        Figure::new("look-ups within 31 bits", cost.per_cpu_second(asked.len()), "look-ups/CPU-s")
            .against("every hash", every.per_cpu_second(COMPARED)),
    );
    figures.push(Figure::new(
        format!("the same on {} threads", open::cores()),
        on_threads(&index, &asked, open::cores()),
        "look-ups/s",
    ));
    Ok(figures)
}

/// A near copy of a known hash for every second number, else a stranger.
fn asked(rng: &mut ChaCha8Rng, hashes: &[Pdq], number: usize) -> Pdq {
    if number % 2 == 1 {
        return Pdq(rng.random());
    }
    let mut hash = hashes[rng.random_range(0..hashes.len())];
    let bits = rng.random_range(0..=MATCH_DISTANCE) as usize;
    for bit in rand::seq::index::sample(rng, 256, bits) {
        hash.0[bit / 8] ^= 1 << (bit % 8);
    }
    hash
}

/// How many of them the index knows.
fn look_up(index: &HashIndex, asked: &[Pdq]) -> usize {
    asked.iter().filter(|hash| !index.within(hash, MATCH_DISTANCE).is_empty()).count()
}

/// Look-ups in a second of wall time.
fn on_threads(index: &HashIndex, asked: &[Pdq], threads: NonZeroUsize) -> f64 {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for share in asked.chunks(asked.len().div_ceil(threads.get())) {
            scope.spawn(move || look_up(index, share));
        }
    });
    asked.len() as f64 / start.elapsed().as_secs_f64()
}

fn hashing(rng: &mut ChaCha8Rng) -> Result<Figure, Failure> {
    let (width, height) = PICTURE_EDGES;
    let pixels: Vec<u8> = (0..width * height).map(|_| rng.random()).collect();
    let picture = Luminance::new(width, pixels).ok_or_else(|| Failure::usage("no picture".to_owned()))?;
    let (_, cost) = measure(|| (0..PICTURES).map(|_| pdq(&picture).1).max());
    Ok(Figure::new(
        format!("pictures of {width} by {height} hashed, decoding not counted"),
        cost.per_cpu_second(PICTURES),
        "pictures/CPU-s",
    ))
}
