//! Pages: where each line stands (A4, points, from the top left).

use std::collections::BTreeSet;

use super::blocks::{Block, Nature, Picture, Style};
use super::fonts::Fonts;
use super::shape::{Line, lines};

/// A4.
pub(super) const PAGE: (f32, f32) = (595.28, 841.89);
/// Left edge of the text; wide, for the holes of a file.
pub(super) const LEFT: f32 = 70.0;
/// Right edge of the text.
pub(super) const RIGHT: f32 = 545.0;
const TOP: f32 = 62.0;
const BOTTOM: f32 = 785.0;
const VALUE_LEFT: f32 = LEFT + 128.0;
const QUOTE_INSET: f32 = 10.0;
const SIGNATURE_ROOM: f32 = 44.0;
/// Width of the bar in the margin, length of its dashes, and from one dash to the next.
const BAR_WIDTH: f32 = 3.0;
const BAR_DASH: f32 = 3.5;
const BAR_PERIOD: f32 = 6.0;
/// Room for the caption, on the page of its picture.
const CAPTION_ROOM: f32 = 40.0;
/// Pictures of long pages show their upper part, this high at most.
const MAX_PICTURE_HEIGHT: f32 = 560.0;
/// Points per pixel at most, so that a small picture is not blown up.
const MAX_PICTURE_SCALE: f32 = 0.75;
/// A heading needs this much room below it on its page.
const KEEP_WITH_NEXT: f32 = 46.0;

/// A line at its place.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) block: usize,
    pub(super) style: Style,
    pub(super) x: f32,
    pub(super) baseline: f32,
    pub(super) line: Line,
}

/// A coloured area without meaning of its own.
#[derive(Debug)]
pub(super) struct Area {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) height: f32,
    pub(super) colour: (u8, u8, u8),
}

/// A picture at its place; what is lower than `height` is cut off.
#[derive(Debug)]
pub(super) struct PlacedPicture {
    pub(super) block: usize,
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) height: f32,
    pub(super) full_height: f32,
    pub(super) picture: Picture,
}

/// A page.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) lines: Vec<Placed>,
    pub(super) areas: Vec<Area>,
    pub(super) pictures: Vec<PlacedPicture>,
}

/// How a block is tagged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    Heading(u16, String),
    Paragraph,
    Quote,
    Figure(String),
}

/// All pages, and the role of each block.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) pages: Vec<Page>,
    pub(super) roles: Vec<Role>,
}

struct Composer<'a> {
    fonts: &'a Fonts,
    missing: &'a mut BTreeSet<String>,
    document: Document,
    page: Page,
    y: f32,
}

/// Lays the blocks out over as many pages as they need.
pub(super) fn lay_out(blocks: &[Block], fonts: &Fonts, missing: &mut BTreeSet<String>) -> Document {
    let document = Document { pages: Vec::new(), roles: Vec::new() };
    let mut composer = Composer { fonts, missing, document, page: Page::default(), y: TOP };
    for block in blocks {
        composer.block(block);
    }
    composer.turn_page();
    composer.document
}

impl Composer<'_> {
    fn turn_page(&mut self) {
        self.document.pages.push(std::mem::take(&mut self.page));
        self.y = TOP;
    }

    fn block(&mut self, block: &Block) {
        let number = self.document.roles.len();
        let nature = block.nature();
        match block {
            Block::Text { style, text, .. } => {
                self.space(style.above());
                let heading = matches!(style, Style::Title | Style::Heading | Style::Subheading);
                if heading && self.y + style.leading() + KEEP_WITH_NEXT > BOTTOM {
                    self.turn_page();
                }
                let lines = lines(text, &[], *style, RIGHT - LEFT, self.fonts, self.missing);
                self.lines(number, *style, nature, LEFT, lines);
                self.document.roles.push(match style {
                    Style::Title => Role::Heading(1, text.clone()),
                    Style::Heading => Role::Heading(2, text.clone()),
                    Style::Subheading => Role::Heading(3, text.clone()),
                    Style::Body | Style::Bold | Style::Small | Style::Mono => Role::Paragraph,
                });
            }
            Block::Field { label, value, .. } => {
                self.space(Style::Body.above());
                let label = format!("{label}: ");
                let labels =
                    lines(&label, &[], Style::Bold, VALUE_LEFT - LEFT - 6.0, self.fonts, self.missing);
                let values = lines(value, &[], Style::Body, RIGHT - VALUE_LEFT, self.fonts, self.missing);
                if self.y + Style::Body.leading() * float(labels.len()) > BOTTOM {
                    self.turn_page();
                }
                let (start, pages) = (self.y, self.document.pages.len());
                self.lines(number, Style::Bold, nature, LEFT, labels);
                let after_label = self.y;
                self.y = start;
                self.lines(number, Style::Body, nature, VALUE_LEFT, values);
                if pages == self.document.pages.len() {
                    self.y = self.y.max(after_label);
                }
                self.document.roles.push(Role::Paragraph);
            }
            Block::Quote { text, marks, .. } => {
                self.space(6.0);
                let inner = RIGHT - LEFT - 2.0 * QUOTE_INSET;
                let lines = lines(text, marks, Style::Body, inner, self.fonts, self.missing);
                for line in lines {
                    let height = Style::Body.leading() + 3.0;
                    if self.y + height > BOTTOM {
                        self.turn_page();
                    }
                    self.area(LEFT, self.y, RIGHT - LEFT, height, (240, 243, 246));
                    self.line(number, Style::Body, nature, LEFT + QUOTE_INSET, inner, line);
                    self.y += 3.0;
                }
                self.space(4.0);
                self.document.roles.push(Role::Quote);
            }
            Block::Picture { picture, alt, .. } => {
                self.space(6.0);
                let scale = ((RIGHT - LEFT) / picture.width).min(MAX_PICTURE_SCALE);
                let (width, full_height) = (picture.width * scale, picture.height * scale);
                let height = full_height.min(MAX_PICTURE_HEIGHT);
                if self.y + height + CAPTION_ROOM > BOTTOM {
                    self.turn_page();
                }
                let (x, y, picture) = (LEFT, self.y, picture.clone());
                self.area(x - 0.5, y - 0.5, width + 1.0, height + 1.0, (120, 120, 120));
                self.page.pictures.push(PlacedPicture {
                    block: number,
                    x,
                    y,
                    width,
                    height,
                    full_height,
                    picture,
                });
                self.y += height;
                self.document.roles.push(Role::Figure(alt.clone()));
            }
            Block::Signature { under } => {
                if self.y + SIGNATURE_ROOM + 20.0 > BOTTOM {
                    self.turn_page();
                }
                self.y += SIGNATURE_ROOM;
                self.area(LEFT, self.y, 240.0, 0.6, (0, 0, 0));
                self.y += 2.0;
                let lines = lines(under, &[], Style::Small, RIGHT - LEFT, self.fonts, self.missing);
                self.lines(number, Style::Small, nature, LEFT, lines);
                self.document.roles.push(Role::Paragraph);
            }
        }
    }

    /// Room above a block; none at the top of a page.
    fn space(&mut self, room: f32) {
        if self.y > TOP {
            self.y += room;
        }
    }

    fn lines(&mut self, block: usize, style: Style, nature: Nature, x: f32, lines: Vec<Line>) {
        for line in lines {
            self.line(block, style, nature, x, RIGHT - x, line);
        }
    }

    fn line(&mut self, block: usize, style: Style, nature: Nature, x: f32, width: f32, line: Line) {
        if self.y + style.leading() > BOTTOM {
            self.turn_page();
        }
        self.bar(nature, style.leading() + style.above());
        let x = if line.right_to_left { x + (width - line.width).max(0.0) } else { x };
        self.marks(x, style, &line);
        let baseline = self.y + style.size() * 1.05;
        self.page.lines.push(Placed { block, style, x, baseline, line });
        self.y += style.leading();
    }

    /// The bar in the margin: whole for facts, dashed for assessments, so that it also tells them apart without colour.
    fn bar(&mut self, nature: Nature, height: f32) {
        let (x, end) = (LEFT - 12.0, self.y + height);
        match nature {
            Nature::Neutral => {}
            Nature::Fact => self.area(x, self.y, BAR_WIDTH, height, (38, 98, 158)),
            Nature::Assessment => {
                // The dashes lie on one grid for the whole page, so that those of neighbouring lines join evenly.
                let mut dash = (self.y / BAR_PERIOD).floor() * BAR_PERIOD;
                while dash < end {
                    let (from, to) = (dash.max(self.y), (dash + BAR_DASH).min(end));
                    if from < to {
                        self.area(x, from, BAR_WIDTH, to - from, (214, 120, 0));
                    }
                    dash += BAR_PERIOD;
                }
            }
        }
    }

    /// Underlays the marked glyphs.
    fn marks(&mut self, x: f32, style: Style, line: &Line) {
        let (mut at, mut areas) = (x, Vec::new());
        for glyph in line.runs.iter().flat_map(|run| &run.glyphs) {
            let width = glyph.advance * style.size();
            if glyph.marked && width > 0.0 {
                areas.push((at, width));
            }
            at += width;
        }
        let y = self.y;
        for (at, width) in areas {
            self.area(at, y + 0.5, width, style.size() * 1.3, (255, 226, 128));
        }
    }

    fn area(&mut self, x: f32, y: f32, width: f32, height: f32, colour: (u8, u8, u8)) {
        self.page.areas.push(Area { x, y, width, height, colour });
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of lines are small")]
fn float(lines: usize) -> f32 {
    lines as f32
}
