//! The fonts, all embedded in the program: DejaVu (Latin, Greek, Cyrillic, Arabic, Hebrew, Armenian, Georgian and
//! more) and Noto Emoji. What none of them has is printed as `[U+XXXX]` and listed.

use krilla::text::Font;
use rustybuzz::Face;

use super::ReportError;
use super::blocks::Style;

/// A font in the forms that shaping and drawing need.
pub(super) struct LoadedFont {
    pub(super) face: Face<'static>,
    pub(super) font: Font,
    pub(super) units_per_em: f32,
}

/// Index of a font in [`Fonts`].
pub(super) type FontIndex = usize;

const REGULAR: FontIndex = 0;
const BOLD: FontIndex = 1;
const MONO: FontIndex = 2;
const EMOJI: FontIndex = 3;

/// All fonts.
pub(super) struct Fonts(Vec<LoadedFont>);

impl Fonts {
    /// Reads the built-in fonts.
    pub(super) fn load() -> Result<Self, ReportError> {
        let sources: [(&'static str, &'static [u8]); 4] = [
            ("DejaVu Sans", dejavu::sans::regular()),
            ("DejaVu Sans Bold", dejavu::sans::bold()),
            ("DejaVu Sans Mono", dejavu::sans_mono::regular()),
            ("Noto Emoji", epaint_default_fonts::NOTO_EMOJI_REGULAR),
        ];
        let load = |(name, data): (&'static str, &'static [u8])| -> Result<LoadedFont, ReportError> {
            let face = Face::from_slice(data, 0).ok_or(ReportError::Font(name))?;
            let font = Font::new(data.to_vec().into(), 0).ok_or(ReportError::Font(name))?;
            let units_per_em = f32::from(u16::try_from(face.units_per_em()).unwrap_or(1_000));
            Ok(LoadedFont { face, font, units_per_em })
        };
        sources.into_iter().map(load).collect::<Result<Vec<_>, _>>().map(Self)
    }

    pub(super) fn get(&self, index: FontIndex) -> Option<&LoadedFont> {
        self.0.get(index)
    }

    /// The font for `c` in `style`; `None` when no font has it.
    pub(super) fn for_char(&self, style: Style, c: char) -> Option<FontIndex> {
        let first = match style {
            Style::Title | Style::Heading | Style::Subheading | Style::Bold => BOLD,
            Style::Mono => MONO,
            Style::Body | Style::Small => REGULAR,
        };
        [first, REGULAR, EMOJI]
            .into_iter()
            .find(|index| self.0.get(*index).is_some_and(|font| font.face.glyph_index(c).is_some()))
    }
}
