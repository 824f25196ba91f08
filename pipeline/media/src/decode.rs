//! Bytes of a stranger to luminance, within limits that are checked before memory is taken.

use std::io::Cursor;

use image::{ImageFormat, ImageReader, Limits};

/// Longest edge of a picture that is looked at.
pub const MAX_EDGE: u32 = 16_384;
/// Most pixels; about six bytes each are needed while decoding.
pub const MAX_PIXELS: u64 = 20_000_000;
/// Below this edge a picture is an icon or a counting pixel.
pub const MIN_EDGE: u32 = 32;
/// Memory that a decoder may take.
const MAX_DECODER_BYTES: u64 = 128 * 1024 * 1024;

/// Why a picture is not looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not one of the formats read, whatever the server called it.
    #[error("no PNG, JPEG, WebP or GIF")]
    Format,
    /// An icon.
    #[error("{width} by {height} pixels, at least {MIN_EDGE} by {MIN_EDGE} are looked at")]
    TooSmall {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// More than a picture needs: a decompression bomb, or close to one.
    #[error("{width} by {height} pixels, at most {MAX_PIXELS} and {MAX_EDGE} an edge are looked at")]
    TooLarge {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// Its format is broken, or its decoder needs too much memory.
    #[error("cannot be decoded: {0}")]
    Broken(String),
}

/// The brightness of a picture, row by row, 0 black to 255 white.
#[derive(Clone, PartialEq, Eq)]
pub struct Luminance {
    width: usize,
    pixels: Vec<u8>,
}

impl Luminance {
    /// From rows of `width` pixels; `None` when they do not fill a rectangle.
    pub fn new(width: usize, pixels: Vec<u8>) -> Option<Self> {
        let is_rectangle = width > 0 && !pixels.is_empty() && pixels.len().is_multiple_of(width);
        is_rectangle.then_some(Self { width, pixels })
    }

    /// Pixels in a row.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub const fn height(&self) -> usize {
        self.pixels.len() / self.width
    }

    /// All pixels.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// As a portable greymap, the simplest format there is: no other program has to parse a stranger's bytes.
    pub fn to_greymap(&self) -> Vec<u8> {
        let mut file = format!("P5\n{} {}\n255\n", self.width(), self.height()).into_bytes();
        file.extend_from_slice(&self.pixels);
        file
    }
}

/// Decodes a picture (of an animation the first frame), transparent parts over white.
///
/// # Errors
/// [`DecodeError`], which quotes nothing of the picture.
pub fn decode(bytes: &[u8]) -> Result<Luminance, DecodeError> {
    let format = image::guess_format(bytes).map_err(|_| DecodeError::Format)?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Gif) {
        return Err(DecodeError::Format);
    }
    let broken = |error: image::ImageError| DecodeError::Broken(error.to_string());
    let (width, height) =
        ImageReader::with_format(Cursor::new(bytes), format).into_dimensions().map_err(broken)?;
    if width.max(height) > MAX_EDGE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(DecodeError::TooLarge { width, height });
    }
    if width.min(height) < MIN_EDGE {
        return Err(DecodeError::TooSmall { width, height });
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_EDGE);
    limits.max_image_height = Some(MAX_EDGE);
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let picture = reader.decode().map_err(broken)?.into_rgba8();
    let pixels = picture.pixels().map(|pixel| brightness(pixel.0)).collect();
    Luminance::new(picture.width() as usize, pixels).ok_or(DecodeError::TooSmall { width, height })
}

/// ITU-R BT.601, as PDQ asks for.
fn brightness([red, green, blue, alpha]: [u8; 4]) -> u8 {
    let opaque = 0.299 * f32::from(red) + 0.587 * f32::from(green) + 0.114 * f32::from(blue);
    let share = f32::from(alpha) / 255.0;
    (opaque * share + 255.0 * (1.0 - share)).round() as u8
}
