//! The file: PDF/A-2a, every line tagged with its block, everything else an artifact.

use std::collections::BTreeSet;
use std::num::NonZeroU16;

use krilla::Document as Pdf;
use krilla::SerializeSettings;
use krilla::color::rgb;
use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::geom::{PathBuilder, Point, Rect, Size, Transform};
use krilla::image::Image;
use krilla::metadata::{DateTime, Metadata};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;
use krilla::tagging::{Artifact, ArtifactType, ContentTag, Identifier, SpanTag, Tag, TagGroup, TagTree};
use krilla::text::{GlyphId, KrillaGlyph};
use streife_domain::Timestamp;

use super::ReportError;
use super::blocks::{Frame, Style};
use super::fonts::Fonts;
use super::layout::{Area, Document, LEFT, PAGE, Page, Placed, PlacedPicture, RIGHT, Role};
use super::shape::{Line, lines};

const LANGUAGE: &str = "de-DE";
const HEADER_BASELINE: f32 = 40.0;
const FOOTER_BASELINE: f32 = 812.0;

/// Draws the pages.
pub(super) fn draw(frame: &Frame, document: &Document, fonts: &Fonts) -> Result<Vec<u8>, ReportError> {
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .finish()
        .map_err(|error| ReportError::Pdf(format!("{error:?}")))?;
    let settings = SerializeSettings { configuration, enable_tagging: true, ..SerializeSettings::default() };
    let mut pdf = Pdf::new_with(settings);
    let mut groups: Vec<Vec<Identifier>> = document.roles.iter().map(|_| Vec::new()).collect();
    for (number, page) in document.pages.iter().enumerate() {
        let size =
            PageSettings::from_wh(PAGE.0, PAGE.1).ok_or_else(|| ReportError::Pdf("page size".into()))?;
        let mut pdf_page = pdf.start_page_with(size);
        let mut surface = pdf_page.surface();
        draw_page(&mut surface, frame, page, (number + 1, document.pages.len()), fonts, &mut groups);
        surface.finish();
        pdf_page.finish();
    }
    pdf.set_tag_tree(tag_tree(document, groups));
    pdf.set_metadata(
        Metadata::new()
            .title(frame.title.clone())
            .authors(vec![frame.author.clone()])
            .language(LANGUAGE.to_owned())
            .creator(concat!("Streife ", env!("CARGO_PKG_VERSION")).to_owned())
            .creation_date(date(frame.created_at)),
    );
    pdf.finish().map_err(|error| ReportError::Pdf(format!("{error:?}")))
}

fn draw_page(
    surface: &mut Surface<'_>,
    frame: &Frame,
    page: &Page,
    (number, of): (usize, usize),
    fonts: &Fonts,
    groups: &mut [Vec<Identifier>],
) {
    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Other)));
    for area in &page.areas {
        draw_area(surface, area);
    }
    surface.end_tagged();
    for placed in &page.pictures {
        let identifier = surface.start_tagged(ContentTag::Other);
        if let Some(group) = groups.get_mut(placed.block) {
            group.push(identifier);
        }
        draw_picture(surface, placed);
        surface.end_tagged();
    }
    let mut open: Option<usize> = None;
    for placed in &page.lines {
        if open != Some(placed.block) {
            if open.is_some() {
                surface.end_tagged();
            }
            let identifier = surface.start_tagged(ContentTag::Span(SpanTag::empty()));
            if let Some(group) = groups.get_mut(placed.block) {
                group.push(identifier);
            }
            open = Some(placed.block);
        }
        draw_line(surface, placed, fonts);
    }
    if open.is_some() {
        surface.end_tagged();
    }
    let footer = format!("{} · Seite {number} von {of}", frame.footer);
    margin(surface, ArtifactType::Footer, FOOTER_BASELINE, &footer, fonts);
    let header =
        frame.banner.as_ref().map_or_else(|| frame.author.clone(), |b| format!("{} · {b}", frame.author));
    margin(surface, ArtifactType::Header, HEADER_BASELINE, &header, fonts);
}

/// A line in the upper or lower margin.
fn margin(surface: &mut Surface<'_>, kind: ArtifactType, baseline: f32, text: &str, fonts: &Fonts) {
    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(kind)));
    let line: Option<Line> =
        lines(text, &[], Style::Small, RIGHT - LEFT, fonts, &mut BTreeSet::new()).into_iter().next();
    if let Some(line) = line {
        let x = if kind == ArtifactType::Footer { RIGHT - line.width } else { LEFT };
        draw_line(surface, &Placed { block: 0, style: Style::Small, x, baseline, line }, fonts);
    }
    surface.end_tagged();
}

fn draw_area(surface: &mut Surface<'_>, area: &Area) {
    let mut path = PathBuilder::new();
    let Some(rect) = Rect::from_xywh(area.x, area.y, area.width, area.height) else { return };
    path.push_rect(rect);
    let Some(path) = path.finish() else { return };
    let (red, green, blue) = area.colour;
    surface.set_fill(Some(Fill { paint: rgb::Color::new(red, green, blue).into(), ..Fill::default() }));
    surface.draw_path(&path);
    surface.set_fill(None);
}

/// A picture that does not decode leaves its frame empty; the file lies in the package all the same.
fn draw_picture(surface: &mut Surface<'_>, placed: &PlacedPicture) {
    let image = Image::from_png(placed.picture.png.as_ref().clone().into(), true);
    let size = Size::from_wh(placed.width, placed.full_height);
    let frame = Rect::from_xywh(placed.x, placed.y, placed.width, placed.height);
    let (Ok(image), Some(size), Some(frame)) = (image, size, frame) else { return };
    let mut path = PathBuilder::new();
    path.push_rect(frame);
    let Some(path) = path.finish() else { return };
    surface.push_clip_path(&path, &FillRule::NonZero);
    surface.push_transform(&Transform::from_translate(placed.x, placed.y));
    surface.draw_image(image, size);
    surface.pop();
    surface.pop();
}

fn draw_line(surface: &mut Surface<'_>, placed: &Placed, fonts: &Fonts) {
    let size = placed.style.size();
    let mut x = placed.x;
    for run in &placed.line.runs {
        let Some(font) = fonts.get(run.font) else { continue };
        let glyphs: Vec<KrillaGlyph> = run
            .glyphs
            .iter()
            .map(|glyph| KrillaGlyph {
                glyph_id: GlyphId::new(glyph.id),
                text_range: glyph.text.clone(),
                x_advance: glyph.advance,
                x_offset: glyph.offset.0,
                y_offset: glyph.offset.1,
                y_advance: 0.0,
                location: None,
            })
            .collect();
        surface.draw_glyphs(
            Point::from_xy(x, placed.baseline),
            &glyphs,
            font.font.clone(),
            &run.text,
            size,
            false,
        );
        x += run.glyphs.iter().map(|glyph| glyph.advance).sum::<f32>() * size;
    }
}

fn tag_tree(document: &Document, groups: Vec<Vec<Identifier>>) -> TagTree {
    let mut tree = TagTree::new().with_lang(Some(LANGUAGE.to_owned()));
    for (role, identifiers) in document.roles.iter().zip(groups) {
        let mut group = match role {
            Role::Heading(level, title) => TagGroup::new(Tag::Hn(
                NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN),
                Some(title.clone()),
            )),
            Role::Paragraph => TagGroup::new(Tag::P),
            Role::Quote => TagGroup::new(Tag::BlockQuote),
            Role::Figure(alt) => TagGroup::new(Tag::Figure(Some(alt.clone()))),
        };
        for identifier in identifiers {
            group.push(identifier);
        }
        tree.push(group);
    }
    tree
}

/// The day and time of `at`, as PDF wants it.
fn date(at: Timestamp) -> DateTime {
    let text = at.to_string();
    let number =
        |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<u16>().ok()).unwrap_or(0);
    let small = |from: usize, to: usize| u8::try_from(number(from, to)).unwrap_or(0);
    DateTime::new(number(0, 4))
        .month(small(5, 7))
        .day(small(8, 10))
        .hour(small(11, 13))
        .minute(small(14, 16))
        .second(small(17, 19))
        .utc_offset_hour(0)
        .utc_offset_minute(0)
}
