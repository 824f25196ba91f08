//! HTML as posts carry it: bytes to text by charset, fragments to plain text, with every bound named.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use ego_tree::NodeId;
use ego_tree::iter::Edge;
use encoding_rs::{Encoding, UTF_8};
use scraper::{ElementRef, Html, Node, Selector};

use crate::{Observation, fragment};

/// Elements that may be open inside each other. Beyond it the tree builder's time grows with the square.
pub const MAX_DEPTH: usize = 2_000;
/// Where a declaration of the charset is looked for.
const DECLARATION_BYTES: usize = 2_048;
/// Elements that are never closed.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
];

/// The text of an observation by BOM, header, declaration in the document, or its letters, in this order.
pub fn decode(observation: &Observation) -> String {
    decode_bytes(&observation.body, observation.charset())
}

/// As [`decode`], for bytes and the charset that the transport named.
pub fn decode_bytes(bytes: &[u8], transport: Option<&str>) -> String {
    let (encoding, bytes) = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (encoding, &bytes[length..]),
        None => (without_bom(bytes, transport), bytes),
    };
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

fn without_bom(bytes: &[u8], transport: Option<&str>) -> &'static Encoding {
    if let Some(encoding) = transport.and_then(|label| Encoding::for_label(label.as_bytes())) {
        return encoding;
    }
    // UTF-16 without BOM: markup has a zero beside every ASCII byte.
    match bytes {
        [b'<', 0, ..] => return encoding_rs::UTF_16LE,
        [0, b'<', ..] => return encoding_rs::UTF_16BE,
        _ => {}
    }
    let head = &bytes[..bytes.len().min(DECLARATION_BYTES)];
    if let Some(encoding) = declared(head).and_then(Encoding::for_label) {
        // A document that could be read up to here as ASCII cannot be UTF-16.
        let is_utf16 = encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE;
        return if is_utf16 { UTF_8 } else { encoding };
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Allow)
}

/// The value behind the first `charset=` or `encoding=`.
fn declared(head: &[u8]) -> Option<&[u8]> {
    let lower = head.to_ascii_lowercase();
    let find =
        |needle: &[u8]| lower.windows(needle.len()).position(|w| w == needle).map(|at| at + needle.len());
    let mut at = find(b"charset=").or_else(|| find(b"encoding="))?;
    while matches!(head.get(at), Some(b'"' | b'\'' | b' ')) {
        at += 1;
    }
    let rest = &head[at..];
    let end =
        rest.iter().position(|b| !(b.is_ascii_alphanumeric() || b"-_:.".contains(b))).unwrap_or(rest.len());
    (end > 0).then(|| &rest[..end])
}

/// Writes `<a/>` as `<a></a>`: pages that went through an XML tool close elements so, and a reader of HTML would
/// take such an element as open to the end of the page.
pub fn open_and_closed(html: &str) -> String {
    let mut out = String::with_capacity(html.len() + 64);
    let mut rest = html;
    while let Some(end) = rest.find("/>") {
        let (before, after) = rest.split_at(end);
        out.push_str(before);
        let name = before.rfind('<').map_or("", |at| {
            let tag = &before[at + 1..];
            // A tag that has ended already, and then some text.
            let tag = if tag.contains('>') { "" } else { tag };
            &tag[..tag.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tag.len())]
        });
        if name.is_empty() || VOID.iter().any(|v| v.eq_ignore_ascii_case(name)) {
            out.push_str("/>");
        } else {
            out.push_str("></");
            out.push_str(name);
            out.push('>');
        }
        rest = &after[2..];
    }
    out.push_str(rest);
    out
}

/// Is the nesting of elements within [`MAX_DEPTH`]? Counts tags, without building a tree.
pub fn depth_is_bounded(html: &str) -> bool {
    let (mut depth, mut rest) = (0usize, html);
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let closing = rest.starts_with('/');
        let name = rest.trim_start_matches('/');
        let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
        let name = &name[..end];
        if name.is_empty() {
            continue;
        }
        if closing {
            depth = depth.saturating_sub(1);
        } else if !VOID.iter().any(|v| v.eq_ignore_ascii_case(name)) {
            depth += 1;
            // Unclosed p, li, td and the like close each other; only truly deep trees come so far.
            if depth > MAX_DEPTH
                && !matches!(
                    name.to_ascii_lowercase().as_str(),
                    "p" | "li" | "td" | "tr" | "dd" | "dt" | "option"
                )
            {
                return false;
            }
        }
    }
    true
}

/// What a fragment of HTML says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// Plain text; paragraphs and line breaks as `\n`, other white space collapsed.
    pub text: String,
    /// Targets of links, in order, without doubles.
    pub links: Vec<String>,
    /// Addresses and descriptions of pictures.
    pub images: Vec<(String, Option<String>)>,
}

/// Reads a fragment in one pass, whatever its depth.
pub fn content(html: &str) -> Content {
    fragment::read(html)
}

/// As [`content`], by a tree: what the one pass is measured and tested against.
pub fn content_by_tree(html: &str) -> Content {
    content_of(Html::parse_fragment(html).root_element())
}

/// Reads an element of a parsed page.
pub fn content_of(element: ElementRef<'_>) -> Content {
    content_without(element, &[])
}

/// As [`content_of`], leaving out what the selectors match (quotes, signatures, buttons).
pub fn content_without(element: ElementRef<'_>, leave_out: &[Selector]) -> Content {
    content_quoting(element, leave_out, &[])
}

/// As [`content_without`]; the lines of what `quotes` match begin with `> `, so that words of others are told from the
/// author's own.
pub fn content_quoting(element: ElementRef<'_>, leave_out: &[Selector], quotes: &[Selector]) -> Content {
    let mut content = Content::default();
    let mut raw = String::new();
    let mut skip: Option<NodeId> = None;
    let mut open_quotes: Vec<(NodeId, usize)> = Vec::new();
    for edge in element.traverse() {
        match edge {
            Edge::Open(node) => {
                if skip.is_some() {
                    continue;
                }
                match node.value() {
                    Node::Text(text) => raw.push_str(&text.text),
                    Node::Element(e) => {
                        let name = e.name();
                        let left_out = matches!(name, "script" | "style" | "template" | "noscript" | "head")
                            || ElementRef::wrap(node)
                                .is_some_and(|el| leave_out.iter().any(|s| s.matches(&el)));
                        if left_out && node.id() != element.id() {
                            skip = Some(node.id());
                            continue;
                        }
                        if ElementRef::wrap(node).is_some_and(|el| quotes.iter().any(|s| s.matches(&el))) {
                            open_quotes.push((node.id(), raw.len()));
                        }
                        match name {
                            "br" => raw.push('\n'),
                            "a" => push_link(&mut content.links, e.attr("href")),
                            "img" => {
                                if let Some(src) = e.attr("src") {
                                    let alt = e.attr("alt").filter(|a| !a.is_empty()).map(str::to_owned);
                                    content.images.push((src.to_owned(), alt));
                                }
                            }
                            _ if is_block(name) => raw.push('\n'),
                            _ => {}
                        }
                    }
                    _ => {}
                }
            }
            Edge::Close(node) => {
                if let Some((_, start)) = open_quotes.pop_if(|(quote, _)| *quote == node.id()) {
                    let quoted = raw.split_off(start);
                    for line in tidy(&quoted).lines() {
                        raw.push_str("\n> ");
                        raw.push_str(line);
                    }
                    raw.push('\n');
                }
                if skip == Some(node.id()) {
                    skip = None;
                } else if skip.is_none()
                    && let Node::Element(e) = node.value()
                    && is_block(e.name())
                {
                    raw.push('\n');
                }
            }
        }
    }
    content.text = tidy(&raw);
    content
}

pub(crate) fn push_link(links: &mut Vec<String>, href: Option<&str>) {
    let Some(href) = href.filter(|h| h.starts_with("http://") || h.starts_with("https://")) else { return };
    if !links.iter().any(|l| l == href) {
        links.push(href.to_owned());
    }
}

pub(crate) fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "blockquote"
            | "li"
            | "ul"
            | "ol"
            | "tr"
            | "table"
            | "section"
            | "article"
            | "header"
            | "footer"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "pre"
            | "dl"
            | "dt"
            | "dd"
            | "figure"
            | "figcaption"
            | "hr"
    )
}

/// Collapses white space within lines and drops empty lines.
pub fn tidy(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    for line in raw.lines() {
        let mut words = line.split_whitespace();
        let Some(first) = words.next() else { continue };
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(first);
        for word in words {
            text.push(' ');
            text.push_str(word);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_breaks_links_and_entities() {
        let c = content("<p>a &amp; b<br>c</p><p><a href=\"https://x.test/\">d</a> <script>no</script></p>");
        assert_eq!(c.text, "a & b\nc\nd");
        assert_eq!(c.links, ["https://x.test/"]);
    }

    #[test]
    fn quotes_are_marked_and_nest() {
        let page = Html::parse_fragment("a<blockquote>b<blockquote>c</blockquote>d</blockquote>e");
        let quotes = [Selector::parse("blockquote").unwrap()];
        let c = content_quoting(page.root_element(), &[], &quotes);
        assert_eq!(c.text, "a\n> b\n> > c\n> d\ne");
    }

    #[test]
    fn what_xml_tools_closed_is_closed() {
        assert_eq!(
            open_and_closed("<a name=\"1\"/>x<br/><textarea/>y/>"),
            "<a name=\"1\"></a>x<br/><textarea></textarea>y/>"
        );
    }

    #[test]
    fn a_hundred_thousand_levels_are_read_as_text() {
        let deep = format!("{}x{}", "<div>".repeat(100_000), "</div>".repeat(100_000));
        assert!(!depth_is_bounded(&deep));
        assert_eq!(content(&deep).text, "x");
        assert!(depth_is_bounded(&"<p>x<br>".repeat(10_000)));
    }

    #[test]
    fn charset_from_bom_header_declaration_and_letters() {
        assert_eq!(decode_bytes(b"\xef\xbb\xbf\xc3\xa4", Some("latin1")), "ä");
        assert_eq!(decode_bytes(b"\xe4", Some("iso-8859-1")), "ä");
        assert_eq!(
            decode_bytes(b"<meta charset=\"windows-1252\">\xe4", None),
            "<meta charset=\"windows-1252\">ä"
        );
        assert!(decode_bytes(b"Gr\xfc\xdfe aus K\xf6ln und viele weitere W\xf6rter", None).contains("Grüße"));
    }

    proptest::proptest! {
        #[test]
        fn any_fragment_is_read(html: String) {
            content(&html);
        }
    }
}
