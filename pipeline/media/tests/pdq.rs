//! PDQ beside the reference implementation (`pdqhash` 0.2.7 from PyPI), and its known properties.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use streife_media::{Luminance, MIN_QUALITY, Pdq, pdq};

/// The pictures of `pdq_reference.py`.
fn picture(seed: u64, width: usize, height: usize) -> Luminance {
    let mut state = seed;
    let mut draw = |below: usize| {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        (state >> 8) as usize % below
    };
    let grid: Vec<Vec<usize>> = (0..9).map(|_| (0..9).map(|_| draw(256)).collect()).collect();
    let boxes: Vec<[usize; 5]> =
        (0..seed % 5).map(|_| [draw(width), draw(height), draw(width), draw(height), draw(256)]).collect();
    let (noise, contrast) = (1 + 3 * (seed as usize % 3), 1 + seed as usize % 7);
    let mut pixels = Vec::with_capacity(width * height);
    for y in 0..height {
        for x in 0..width {
            let (at_x, at_y) = (x * 8 * 256 / width, y * 8 * 256 / height);
            let (column, line, right, down) = (at_x >> 8, at_y >> 8, at_x & 255, at_y & 255);
            let top = grid[line][column] * (256 - right) + grid[line][column + 1] * right;
            let bottom = grid[line + 1][column] * (256 - right) + grid[line + 1][column + 1] * right;
            let mut value = ((top * (256 - down) + bottom * down) >> 16) * contrast / 7;
            for [left, upper, wide, high, grey] in &boxes {
                if (*left..left + wide / 3).contains(&x) && (*upper..upper + high / 3).contains(&y) {
                    value = *grey;
                }
            }
            pixels.push((value + draw(noise)).min(255) as u8);
        }
    }
    Luminance::new(width, pixels).unwrap()
}

#[test]
fn hashes_and_qualities_are_those_of_the_reference() {
    let mut distances = Vec::new();
    for line in include_str!("pdq_reference.txt").lines() {
        let [seed, width, height, hash, quality] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let picture = picture(seed.parse().unwrap(), width.parse().unwrap(), height.parse().unwrap());
        let (found, found_quality) = pdq(&picture);
        let distance = found.distance(&Pdq::from_hex(hash).unwrap());
        assert!(distance <= 2, "picture {seed}: {distance} bits differ");
        let quality: i32 = quality.parse().unwrap();
        assert!(
            (i32::from(found_quality) - quality).abs() <= 1,
            "picture {seed}: {found_quality}, {quality}"
        );
        distances.push(distance);
    }
    eprintln!("{} pictures, bits that differ: {distances:?}", distances.len());
    assert!(distances.len() >= 24);
}

/// Half the edge, by the means of squares of four.
fn halved(picture: &Luminance) -> Luminance {
    let (width, height) = (picture.width() / 2, picture.height() / 2);
    let at = |x: usize, y: usize| u32::from(picture.pixels()[y * picture.width() + x]);
    let pixels = (0..width * height)
        .map(|i| {
            let (x, y) = (i % width * 2, i / width * 2);
            ((at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1)) / 4) as u8
        })
        .collect();
    Luminance::new(width, pixels).unwrap()
}

#[test]
fn a_copy_is_near_and_another_picture_is_far() {
    let pictures = (1..16).map(|seed| picture(seed, 640, 480));
    let pictures: Vec<Luminance> = pictures.filter(|picture| pdq(picture).1 >= MIN_QUALITY).collect();
    assert!(pictures.len() > 8);
    for (i, one) in pictures.iter().enumerate() {
        let (hash, _) = pdq(one);
        // The reference's own hashes of these pictures and their halves differ in up to 20 bits.
        assert!(hash.distance(&pdq(&halved(one)).0) <= 24, "half the size");
        let darker = one.pixels().iter().map(|value| value / 2 + 20).collect();
        assert!(hash.distance(&pdq(&Luminance::new(640, darker).unwrap()).0) <= 10, "less contrast");
        let inverted = one.pixels().iter().map(|value| 255 - value).collect();
        assert!(hash.distance(&pdq(&Luminance::new(640, inverted).unwrap()).0) > 240, "a negative");
        for other in &pictures[..i] {
            assert!(hash.distance(&pdq(other).0) > 60, "another picture");
        }
        assert_eq!(hash.0.iter().map(|byte| byte.count_ones()).sum::<u32>(), 128, "half of the bits are set");
    }
}

#[test]
fn pictures_over_the_full_edge_are_hashed_like_their_smaller_copies() {
    let large = picture(7, 2_600, 1_950);
    let (hash, _) = pdq(&large);
    assert!(hash.distance(&pdq(&halved(&halved(&large))).0) <= 10);
}

#[test]
fn flat_and_tiny_pictures_have_no_quality_and_do_no_harm() {
    for (width, height) in [(1, 1), (1, 500), (500, 1), (64, 64), (129, 127), (5_000, 2)] {
        let flat = Luminance::new(width, vec![128; width * height]).unwrap();
        assert_eq!(pdq(&flat).1, 0);
    }
}
