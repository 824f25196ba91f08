//! From text to lines of glyphs: characters no font has are spelt out, lines broken (UAX 14), directions resolved
//! (UAX 9), runs shaped font by font.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::Range;

use rustybuzz::{Direction, UnicodeBuffer};
use streife_domain::Span;
use unicode_bidi::{BidiInfo, Level};
use unicode_segmentation::UnicodeSegmentation;

use super::blocks::Style;
use super::fonts::{FontIndex, Fonts};

/// A glyph, distances in parts of the font size.
#[derive(Debug, Clone)]
pub(super) struct Glyph {
    pub(super) id: u32,
    pub(super) text: Range<usize>,
    pub(super) advance: f32,
    pub(super) offset: (f32, f32),
    pub(super) marked: bool,
}

/// Glyphs of one font in visual order.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) font: FontIndex,
    pub(super) text: String,
    pub(super) glyphs: Vec<Glyph>,
}

/// A line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) runs: Vec<Run>,
    pub(super) right_to_left: bool,
    /// Width in points.
    pub(super) width: f32,
}

/// Text as it will be printed, and where its marks went.
struct Printable {
    text: String,
    marks: Vec<Range<usize>>,
}

/// Replaces what cannot be printed, or would act on its surroundings unseen, by its number.
fn printable(
    text: &str,
    marks: &[Span],
    style: Style,
    fonts: &Fonts,
    missing: &mut BTreeSet<String>,
) -> Printable {
    let mut out = String::with_capacity(text.len());
    let mut at_of = vec![0; text.len() + 1];
    for (at, c) in text.char_indices() {
        at_of[at..at + c.len_utf8()].fill(out.len());
        match c {
            '\n' => out.push(c),
            '\r' => {}
            '\t' => out.push_str("    "),
            // Joiners and variation selectors belong to their neighbours; fonts without use for them draw nothing.
            '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' => {
                if fonts.for_char(style, c).is_some() {
                    out.push(c);
                }
            }
            c if is_invisible(c) => {
                let _ = write!(out, "[U+{:04X}]", u32::from(c));
            }
            c if fonts.for_char(style, c).is_none() => {
                let number = format!("U+{:04X}", u32::from(c));
                let _ = write!(out, "[{number}]");
                missing.insert(number);
            }
            c => out.push(c),
        }
    }
    at_of[text.len()] = out.len();
    let place = |at: u32| at_of.get(at as usize).copied().unwrap_or(out.len());
    let marks = marks.iter().map(|Span(start, end)| place(*start)..place(*end)).collect();
    Printable { text: out, marks }
}

/// Controls, direction overrides, tags, private use: unseen on paper, so they are spelt out.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
}

/// Breaks `text` into lines at most `width` points wide.
pub(super) fn lines(
    text: &str,
    marks: &[Span],
    style: Style,
    width: f32,
    fonts: &Fonts,
    missing: &mut BTreeSet<String>,
) -> Vec<Line> {
    let printable = printable(text, marks, style, fonts, missing);
    let info = BidiInfo::new(&printable.text, None);
    let mut lines = Vec::new();
    let shaper = Shaper { style, fonts, printable: &printable };
    for paragraph in &info.paragraphs {
        let range = paragraph.range.clone();
        for line in shaper.break_lines(range, width) {
            let (levels, runs) = info.visual_runs(paragraph, line.clone());
            let mut out = Vec::new();
            for run in runs {
                let rtl = levels.get(run.start).is_some_and(Level::is_rtl);
                out.extend(shaper.shape(run, rtl));
            }
            let width = out.iter().map(|run| run_width(run, style)).sum();
            lines.push(Line { runs: out, right_to_left: paragraph.level.is_rtl(), width });
        }
    }
    if lines.is_empty() {
        lines.push(Line { runs: Vec::new(), right_to_left: false, width: 0.0 });
    }
    lines
}

fn run_width(run: &Run, style: Style) -> f32 {
    run.glyphs.iter().map(|glyph| glyph.advance).sum::<f32>() * style.size()
}

struct Shaper<'a> {
    style: Style,
    fonts: &'a Fonts,
    printable: &'a Printable,
}

impl Shaper<'_> {
    /// Byte ranges of the lines of a paragraph, line feeds left out.
    fn break_lines(&self, paragraph: Range<usize>, width: f32) -> Vec<Range<usize>> {
        let text = self.printable.text.get(paragraph.clone()).unwrap_or_default().trim_end_matches('\n');
        let (start, mut lines) = (paragraph.start, Vec::new());
        let (mut line_start, mut used, mut from) = (0, 0.0, 0);
        let breaks = unicode_linebreak::linebreaks(text).map(|(at, _)| at);
        for end in breaks {
            let piece = self.width(start + from..start + end);
            let bare = self.width(start + from..start + from + text[from..end].trim_end().len());
            if used + bare > width && used > 0.0 {
                lines.push(start + line_start..start + from);
                (line_start, used) = (from, 0.0);
            }
            if bare > width {
                // A word longer than the line (hashes, addresses, scripts without spaces): broken between what a
                // reader takes for characters.
                for (at, cluster) in text[from..end].grapheme_indices(true) {
                    let at = from + at;
                    let one = self.width(start + at..start + at + cluster.len());
                    if used + one > width && at > line_start {
                        lines.push(start + line_start..start + at);
                        (line_start, used) = (at, 0.0);
                    }
                    used += one;
                }
            } else {
                used += piece;
            }
            from = end;
        }
        if line_start < text.len() || lines.is_empty() {
            lines.push(start + line_start..start + text.len());
        }
        lines
    }

    fn width(&self, range: Range<usize>) -> f32 {
        self.shape(range, false).iter().map(|run| run_width(run, self.style)).sum()
    }

    /// Shapes a stretch of one direction, font by font; runs come in visual order.
    fn shape(&self, range: Range<usize>, rtl: bool) -> Vec<Run> {
        let text = self.printable.text.get(range.clone()).unwrap_or_default();
        let mut parts: Vec<(FontIndex, Range<usize>)> = Vec::new();
        for (at, c) in text.char_indices() {
            let end = at + c.len_utf8();
            let font = self.fonts.for_char(self.style, c).unwrap_or(0);
            match parts.last_mut() {
                // Marks and joiners stay with the font of what they stand on, where it has them.
                Some((last, part)) if *last == font || (is_attached(c) && self.draws(*last, c)) => {
                    part.end = end;
                }
                _ => parts.push((font, at..end)),
            }
        }
        if rtl {
            parts.reverse();
        }
        parts
            .into_iter()
            .filter_map(|(font, part)| self.shape_part(font, text, part, range.start, rtl))
            .collect()
    }

    /// Has the font a glyph for `c`, or is `c` a joiner or selector that shaping takes out?
    fn draws(&self, font: FontIndex, c: char) -> bool {
        matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
            || self.fonts.get(font).is_some_and(|font| font.face.glyph_index(c).is_some())
    }

    fn shape_part(
        &self,
        font: FontIndex,
        text: &str,
        part: Range<usize>,
        base: usize,
        rtl: bool,
    ) -> Option<Run> {
        let loaded = self.fonts.get(font)?;
        let own = text.get(part.clone())?;
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(own);
        buffer.guess_segment_properties();
        buffer.set_direction(if rtl { Direction::RightToLeft } else { Direction::LeftToRight });
        let shaped = rustybuzz::shape(&loaded.face, &[], buffer);
        let mut starts: Vec<usize> = shaped.glyph_infos().iter().map(|info| info.cluster as usize).collect();
        starts.sort_unstable();
        starts.dedup();
        let em = loaded.units_per_em;
        let glyphs = shaped.glyph_infos().iter().zip(shaped.glyph_positions()).map(|(info, place)| {
            let start = info.cluster as usize;
            let end = starts.iter().copied().find(|next| *next > start).unwrap_or(own.len());
            let at = base + part.start + start;
            Glyph {
                id: info.glyph_id,
                text: start..end,
                advance: units(place.x_advance) / em,
                offset: (units(place.x_offset) / em, units(place.y_offset) / em),
                marked: self.printable.marks.iter().any(|mark| mark.contains(&at)),
            }
        });
        Some(Run { font, text: own.to_owned(), glyphs: glyphs.collect() })
    }
}

/// Font units are small whole numbers, exact in `f32`.
#[expect(clippy::cast_precision_loss, reason = "font units lie far below 2^24")]
fn units(value: i32) -> f32 {
    value as f32
}

fn is_attached(c: char) -> bool {
    use unicode_script::UnicodeScript;
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')
        || c.script() == unicode_script::Script::Inherited
}
