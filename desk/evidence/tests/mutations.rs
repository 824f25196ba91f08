//! One random change anywhere in a package is found, and the finding names the file.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use common::{World, findings, steps};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use streife_evidence::VerifyOptions;
use streife_evidence::package::zip::{self, Files};

/// Seed of the changes; the same on every run.
const SEED: [u8; 32] = [42; 32];

/// A changed container, and the names of which the finding must give at least one.
fn change(rng: &mut ChaCha8Rng, files: &Files) -> (Vec<u8>, Vec<String>) {
    let names: Vec<&String> = files.keys().collect();
    let name = names[rng.random_range(0..names.len())].clone();
    let folder = name.split('/').next().unwrap().to_owned();
    let mut changed = files.clone();
    let named = match rng.random_range(0..6) {
        0 => {
            let content = changed.get_mut(&name).unwrap();
            let at = rng.random_range(0..content.len());
            content[at] ^= 1 << rng.random_range(0..8);
            name
        }
        1 => {
            changed.remove(&name);
            name
        }
        2 => {
            let depth = ["", "/data", "/data/items/0001", "/data/audit"][rng.random_range(0..4)];
            let new = format!("{folder}{depth}/added-{}.txt", rng.random_range(0..100));
            changed.insert(new.clone(), b"x".to_vec());
            new
        }
        3 => {
            let content = changed.remove(&name).unwrap();
            changed.insert(format!("{name}.old"), content);
            name
        }
        4 => {
            // A byte of the container as it lies on disk: any structure, name, size or content.
            let mut container = zip::write(files).unwrap();
            let at = rng.random_range(0..container.len());
            container[at] ^= 1 << rng.random_range(0..8);
            return (container, names_near(files, at));
        }
        _ => return reordered(rng, files),
    };
    let inner = named.split_once('/').unwrap().1.to_owned();
    (zip::write(&changed).unwrap(), vec![inner])
}

/// The file that byte `at` of the container belongs to, and the one before it: a broken head is named by its place.
fn names_near(files: &Files, at: usize) -> Vec<String> {
    const LOCAL_HEAD: usize = 30;
    const DIRECTORY_HEAD: usize = 46;
    let inner = |name: &String| name.split_once('/').unwrap().1.to_owned();
    let locals = files.iter().map(|(name, content)| (name, LOCAL_HEAD + name.len() + content.len()));
    let directory = files.keys().map(|name| (name, DIRECTORY_HEAD + name.len()));
    let (mut end, mut before) = (0, None);
    for (name, length) in locals.chain(directory) {
        end += length;
        if at < end {
            return before.into_iter().chain([name]).map(inner).collect();
        }
        before = Some(name);
    }
    vec!["end record".to_owned()]
}

/// Swaps two entries in the container, directory included, by writing it with other names first.
fn reordered(rng: &mut ChaCha8Rng, files: &Files) -> (Vec<u8>, Vec<String>) {
    let names: Vec<&String> = files.keys().collect();
    let first = rng.random_range(0..names.len() - 1);
    let pairs: Vec<(String, Vec<u8>)> = files.iter().map(|(n, c)| (n.clone(), c.clone())).collect();
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.swap(first, first + 1);
    // Stand-ins of equal length that sort in the wanted order; their bytes are then put back.
    let mut stand_ins = Files::new();
    for (place, at) in order.iter().enumerate() {
        let length = pairs[*at].0.len();
        stand_ins.insert(format!("{place:05}{}", "z".repeat(length - 5)), pairs[*at].1.clone());
    }
    let mut container = zip::write(&stand_ins).unwrap();
    for (place, at) in order.iter().enumerate() {
        let name = &pairs[*at].0;
        let stand_in = format!("{place:05}{}", "z".repeat(name.len() - 5));
        let mut from = 0;
        while let Some(found) =
            container[from..].windows(name.len()).position(|window| window == stand_in.as_bytes())
        {
            container[from + found..from + found + name.len()].copy_from_slice(name.as_bytes());
            from += found + name.len();
        }
    }
    let inner = |name: &str| name.split_once('/').unwrap().1.to_owned();
    (container, vec![inner(&pairs[first].0), inner(&pairs[first + 1].0)])
}

fn run(changes: usize) {
    let world = World::new();
    let built = world.build();
    let (ok, good) = steps(&built.container, &VerifyOptions::default());
    assert!(ok, "{good:#?}");
    let files = zip::read(&built.container).files;
    let mut rng = ChaCha8Rng::from_seed(SEED);
    for number in 0..changes {
        let (container, names) = change(&mut rng, &files);
        let found = findings(&container);
        assert!(!found.is_empty(), "change {number} to {names:?} was not found");
        assert!(
            names.iter().any(|name| found.contains(name)),
            "change {number}: none of {names:?} is named in\n{found}"
        );
    }
}

#[test]
fn a_hundred_changed_packages_are_found_and_named() {
    run(100);
}

#[test]
#[ignore = "long: run with --ignored; about a minute"]
fn a_thousand_changed_packages_are_found_and_named() {
    run(1_000);
}
