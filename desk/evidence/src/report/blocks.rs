//! What a document consists of, before it has pages.

use std::sync::Arc;

use streife_domain::{Span, Timestamp};

/// What stands on every page.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) author: String,
    pub(super) footer: String,
    pub(super) banner: Option<String>,
    pub(super) created_at: Timestamp,
}

/// Whether a block states what was seen or what somebody thinks of it; shown by a bar in the margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    Neutral,
    Fact,
    Assessment,
}

/// How text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Title,
    Heading,
    Subheading,
    Body,
    Bold,
    Small,
    Mono,
}

impl Style {
    /// Size in points.
    pub(super) const fn size(self) -> f32 {
        match self {
            Self::Title => 17.0,
            Self::Heading => 12.5,
            Self::Subheading => 10.5,
            Self::Body | Self::Bold => 9.5,
            Self::Small => 8.0,
            Self::Mono => 7.5,
        }
    }
    /// Distance of base lines in points.
    pub(super) const fn leading(self) -> f32 {
        self.size() * 1.42
    }
    /// Room above the block in points.
    pub(super) const fn above(self) -> f32 {
        match self {
            Self::Title => 6.0,
            Self::Heading => 15.0,
            Self::Subheading => 8.0,
            Self::Body | Self::Bold => 3.0,
            Self::Small | Self::Mono => 1.5,
        }
    }
}

/// A PNG and its size in pixels.
#[derive(Clone)]
pub(super) struct Picture {
    pub(super) png: Arc<Vec<u8>>,
    pub(super) width: f32,
    pub(super) height: f32,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({}x{})", self.width, self.height)
    }
}

/// Largest side of a picture that is printed.
const MAX_SIDE_PIXELS: u32 = 20_000;

impl Picture {
    /// Reads the size from the head of a PNG; `None` when it is none, or of a size no page has.
    pub(super) fn of(png: &[u8]) -> Option<Self> {
        let head = png.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR")?;
        let side = |at: usize| -> Option<f32> {
            let bytes: [u8; 4] = head.get(at..at + 4)?.try_into().ok()?;
            let pixels = Some(u32::from_be_bytes(bytes)).filter(|n| (1..=MAX_SIDE_PIXELS).contains(n))?;
            u16::try_from(pixels).ok().map(f32::from)
        };
        Some(Self { width: side(0)?, height: side(4)?, png: Arc::new(png.to_vec()) })
    }
}

/// A piece of the document.
#[derive(Debug, Clone)]
pub(super) enum Block {
    /// Running text.
    Text { style: Style, text: String, nature: Nature },
    /// A label and its value side by side.
    Field { label: String, value: String, nature: Nature },
    /// Words of others, verbatim, in a frame; marked places are underlaid.
    Quote { text: String, marks: Vec<Span>, nature: Nature },
    /// A picture, with what it shows in words for those who cannot see it.
    Picture { picture: Picture, alt: String, nature: Nature },
    /// A line to sign on, with what stands under it.
    Signature { under: String },
}

impl Block {
    pub(super) fn text(style: Style, text: impl Into<String>) -> Self {
        Self::Text { style, text: text.into(), nature: Nature::Neutral }
    }
    pub(super) fn nature(&self) -> Nature {
        match self {
            Self::Text { nature, .. }
            | Self::Field { nature, .. }
            | Self::Quote { nature, .. }
            | Self::Picture { nature, .. } => *nature,
            Self::Signature { .. } => Nature::Neutral,
        }
    }
}
