//! The fonts, all embedded in the program: DejaVu (Latin, Greek, Cyrillic, Arabic, Hebrew, Armenian, Georgian and
//! more) and Noto Emoji; for a text in another script Droid Sans Fallback (Chinese, Japanese, Korean) and the Noto
//! family, packed, and unpacked when the first such character comes. What none of them has is printed as `[U+XXXX]`
//! and listed. A PDF carries only the glyphs it uses.

use std::io::Read;
use std::sync::LazyLock;

use flate2::read::GzDecoder;
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

impl LoadedFont {
    fn read(data: &'static [u8]) -> Option<Self> {
        let face = Face::from_slice(data, 0)?;
        let font = Font::new(data.into(), 0)?;
        let units_per_em = f32::from(u16::try_from(face.units_per_em()).unwrap_or(1_000));
        Some(Self { face, font, units_per_em })
    }

    fn draws(&self, c: char) -> bool {
        self.face.glyph_index(c).is_some()
    }
}

/// Index of a font in [`Fonts`]; those of the world follow the built-in ones.
pub(super) type FontIndex = usize;

const REGULAR: FontIndex = 0;
const BOLD: FontIndex = 1;
const MONO: FontIndex = 2;
const EMOJI: FontIndex = 3;

/// Largest font after unpacking; a bound for our own files, which the program carries.
const MAX_FONT_BYTES: u64 = 8 * 1024 * 1024;

macro_rules! packed {
    ($($file:literal),* $(,)?) => { &[$(include_bytes!(concat!("../../fonts/", $file, ".ttf.gz"))),*] };
}

/// Fonts for scripts that DejaVu lacks, the most written first. Their licences lie beside them.
static PACKED: &[&[u8]] = packed![
    "DroidSansFallback",
    "DroidSansFallbackFull",
    "NotoSansDevanagari",
    "NotoSansBengali",
    "NotoSansTamil",
    "NotoSansTelugu",
    "NotoSansGujarati",
    "NotoSansGurmukhi",
    "NotoSansKannada",
    "NotoSansMalayalam",
    "NotoSansOriya",
    "NotoSansSinhala",
    "NotoSansThai",
    "NotoSansKhmer",
    "NotoSansMyanmar",
    "NotoSansEthiopic",
    "NotoSerifTibetan",
    "NotoSansSyriac",
    "NotoSansThaana",
    "NotoSansMongolian",
    "NotoSansCherokee",
    "NotoSansYi",
    "NotoSansAdlam",
    "NotoSansRunic",
    "NotoSansMath",
    "NotoSansSymbols2",
];

/// [`PACKED`], unpacked once for the life of the program. A font that does not read is left out, and what only it
/// has is then spelt out like everything without a font; a test sees that all of them read.
static WORLD: LazyLock<Vec<LoadedFont>> =
    LazyLock::new(|| PACKED.iter().filter_map(|packed| unpack(packed)).collect());

fn unpack(packed: &[u8]) -> Option<LoadedFont> {
    let mut data = Vec::new();
    GzDecoder::new(packed).take(MAX_FONT_BYTES).read_to_end(&mut data).ok()?;
    // As long-lived as the list it goes into, which is made once.
    LoadedFont::read(data.leak())
}

/// All fonts.
pub(super) struct Fonts(Vec<LoadedFont>);

impl Fonts {
    /// Reads the fonts that every report needs.
    pub(super) fn load() -> Result<Self, ReportError> {
        let sources: [(&'static str, &'static [u8]); 4] = [
            ("DejaVu Sans", dejavu::sans::regular()),
            ("DejaVu Sans Bold", dejavu::sans::bold()),
            ("DejaVu Sans Mono", dejavu::sans_mono::regular()),
            ("Noto Emoji", epaint_default_fonts::NOTO_EMOJI_REGULAR),
        ];
        let load = |(name, data)| LoadedFont::read(data).ok_or(ReportError::Font(name));
        sources.into_iter().map(load).collect::<Result<Vec<_>, _>>().map(Self)
    }

    pub(super) fn get(&self, index: FontIndex) -> Option<&LoadedFont> {
        self.0.get(index).or_else(|| WORLD.get(index.checked_sub(self.0.len())?))
    }

    /// The font for `c` in `style`; `None` when no font has it.
    pub(super) fn for_char(&self, style: Style, c: char) -> Option<FontIndex> {
        let first = match style {
            Style::Title | Style::Heading | Style::Subheading | Style::Bold => BOLD,
            Style::Mono => MONO,
            Style::Body | Style::Small => REGULAR,
        };
        let near = [first, REGULAR, EMOJI].into_iter().find(|i| self.0.get(*i).is_some_and(|f| f.draws(c)));
        near.or_else(|| WORLD.iter().position(|font| font.draws(c)).map(|at| self.0.len() + at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packed_font_reads_and_has_something_of_its_own() {
        assert_eq!(WORLD.len(), PACKED.len());
        let fonts = Fonts::load().unwrap();
        // Hangul, a rare Chinese character, Devanagari and so on, in the order of the list.
        let own = "\u{d55c}\u{35ce}\u{939}\u{9ac}\u{ba4}\u{c24}\u{a97}\u{a17}\u{c97}\u{d17}\u{b17}\u{dc3}\u{e01} \
            \u{1780}\u{1019}\u{12a0}\u{f40}\u{710}\u{780}\u{1820}\u{13e3}\u{a000}\u{1e900}\u{16a0}\u{1d573}\u{1fbf0}";
        let found: Vec<FontIndex> = own.chars().filter_map(|c| fonts.for_char(Style::Body, c)).collect();
        let missed: Vec<FontIndex> = (4..4 + PACKED.len()).filter(|font| !found.contains(font)).collect();
        assert!(missed.is_empty(), "fonts without a use: {missed:?}, found {found:?}");
    }
}
