//! Pictures that tests draw.

use std::io::Cursor;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use image::{GrayImage, ImageFormat};

use crate::Luminance;

const LETTER_PIXELS: f32 = 40.0;
const LINE_PIXELS: usize = 60;
const WIDTH: usize = 900;

/// Black words on white.
///
/// # Panics
/// When the font that comes with the tests cannot be read.
#[expect(clippy::expect_used, reason = "a panic is how a test fails")]
pub fn words(lines: &[&str]) -> Luminance {
    let font = FontRef::try_from_slice(dejavu::sans::regular()).expect("the font is sound");
    let scaled = font.as_scaled(PxScale::from(LETTER_PIXELS));
    let height = LINE_PIXELS * (lines.len() + 1);
    let mut pixels = vec![255_u8; WIDTH * height];
    for (number, line) in lines.iter().enumerate() {
        let mut x = LETTER_PIXELS;
        for letter in line.chars() {
            let mut glyph = scaled.scaled_glyph(letter);
            glyph.position = ab_glyph::point(x, (LINE_PIXELS * (number + 1)) as f32);
            x += scaled.h_advance(glyph.id);
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let bounds = outline.px_bounds();
            outline.draw(|right, down, ink| {
                let (x, y) = (bounds.min.x as usize + right as usize, bounds.min.y as usize + down as usize);
                if let Some(pixel) = pixels.get_mut(y * WIDTH + x).filter(|_| x < WIDTH) {
                    *pixel = pixel.saturating_sub((ink * 255.0) as u8);
                }
            });
        }
    }
    Luminance::new(WIDTH, pixels).expect("whole rows")
}

/// As a file.
///
/// # Panics
/// When the encoder fails.
#[expect(clippy::expect_used, reason = "a panic is how a test fails")]
pub fn png(picture: &Luminance) -> Vec<u8> {
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    let grey = GrayImage::from_raw(width, height, picture.pixels().to_vec()).expect("whole rows");
    let mut file = Cursor::new(Vec::new());
    grey.write_to(&mut file, ImageFormat::Png).expect("memory takes it");
    file.into_inner()
}
