//! The pipeline in memory under thousands of faults: appends that fail before or after they took effect, writes that
//! fail before or after they took effect, workers killed at any await and started again. An oracle that knows the
//! input and never asks the pipeline says what must come out.
//!
//! `STREIFE_SIM_SEED=n` runs one seed, `STREIFE_SIM_SEEDS=n` so many.

mod faults;
mod input;
mod sink;
mod world;

use std::collections::BTreeSet;

use input::Expected;
use world::World;

/// Seeds of a default run; each injects dozens of faults.
const DEFAULT_SEEDS: u64 = 60;

fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("STREIFE_SIM_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("STREIFE_SIM_SEEDS").unwrap_or(DEFAULT_SEEDS)).collect(),
    }
}

#[test]
fn every_accepted_record_is_stored_dropped_or_dead_under_faults() {
    let mut faults = 0;
    for seed in seeds() {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        faults += runtime.block_on(run(seed));
    }
    assert!(faults > 0, "no fault fired: the simulation proves nothing");
    println!("{faults} faults injected");
}

async fn run(seed: u64) -> u64 {
    let world = World::new(seed).await;
    let expected = world.publish().await;
    world.run_until_done().await;

    let outcomes = world.sink.outcomes();
    assert_eq!(outcomes.len(), expected.len(), "seed {seed}: accepted = stored + dropped + dead");
    for (position, wanted) in &expected {
        let found =
            outcomes.get(position).unwrap_or_else(|| panic!("seed {seed}: {position:?} has no outcome"));
        assert!(wanted.allows(found), "seed {seed}: {position:?} is {found}, not {wanted:?}");
    }

    let flagged = world.sink.flagged();
    let wanted: BTreeSet<u128> = expected
        .values()
        .filter_map(|expected| if let Expected::Flagged(id) = expected { Some(id.0) } else { None })
        .collect();
    assert_eq!(flagged, wanted, "seed {seed}: the flagged view");
    assert_eq!(
        world.dead_letters().await,
        expected.values().filter(|e| matches!(e, Expected::Dead)).count(),
        "seed {seed}"
    );
    world.assert_committed_to_the_end(seed).await;
    world.faults_fired()
}
