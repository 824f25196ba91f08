//! The index finds what comparing with every hash finds, no more and no less.

use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use streife_media::{HashIndex, MATCH_DISTANCE, Pdq, linear};

fn changed(mut hash: Pdq, bits: &[u8]) -> Pdq {
    for bit in bits {
        hash.0[usize::from(bit / 8)] ^= 1 << (bit % 8);
    }
    hash
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_the_index_finds_is_what_every_comparison_finds(
        seed: u64,
        count in 0_usize..3_000,
        near in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..40)), 1..40),
        distance in 0_u32..=MATCH_DISTANCE,
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut hashes: Vec<Pdq> = (0..count).map(|_| Pdq(rng.random())).collect();
        let mut asked = vec![Pdq(rng.random()), Pdq([0; 32])];
        for (which, bits) in &near {
            let base = if hashes.is_empty() { Pdq([0; 32]) } else { hashes[which.index(hashes.len())] };
            asked.push(changed(base, bits));
        }
        // Crowds of near copies, as banks have them.
        hashes.extend(asked.iter().take(5).copied());
        let index = HashIndex::new(&hashes).unwrap();
        for hash in &asked {
            prop_assert_eq!(index.within(hash, distance), linear(&hashes, hash, distance));
        }
    }
}

/// The worst spread of 31 bits over the pieces, and every number of changed bits, with a bank so large that every bit of the
/// keys is used.
#[test]
fn every_distance_up_to_the_limit_is_found_in_a_large_bank() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let hashes: Vec<Pdq> = (0..(1 << 18)).map(|_| Pdq(rng.random())).collect();
    let index = HashIndex::new(&hashes).unwrap();
    for distance in 0..=40_u32 {
        for _ in 0..20 {
            let place = rng.random_range(0..hashes.len());
            let mut bits: Vec<u8> = rand::seq::index::sample(&mut rng, 256, distance as usize)
                .into_iter()
                .map(|bit| bit as u8)
                .collect();
            bits.sort_unstable();
            let found = index.within(&changed(hashes[place], &bits), MATCH_DISTANCE);
            let there = found.iter().any(|near| near.position as usize == place && near.distance == distance);
            assert_eq!(there, distance <= MATCH_DISTANCE, "{distance} bits");
        }
    }
}
