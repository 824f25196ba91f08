//! Reads HTML in one pass, without building a tree: what a post says, where it links, which pictures it shows.
//!
//! Tokens are those of the HTML standard (tags, attributes, comments, raw text, character references). What only a tree can
//! tell, such as text that a broken table moves elsewhere, stays where it is written. Depth costs nothing.

use markup5ever::data::NAMED_ENTITIES;
use memchr::{memchr, memchr2, memmem};

use crate::html::{Content, is_block, push_link, tidy};

/// The longest name of a character reference.
const MAX_REFERENCE: usize = 32;
/// Elements whose content is left out.
const LEFT_OUT: [&str; 4] = ["script", "style", "noscript", "template"];
/// Elements whose content is text without tags.
const RAW_TEXT: [&str; 9] =
    ["script", "style", "noscript", "textarea", "title", "iframe", "xmp", "noembed", "noframes"];
/// Of those, the ones whose character references count.
const WITH_REFERENCES: [&str; 2] = ["textarea", "title"];

/// Reads a fragment or a page.
pub(crate) fn read(html: &str) -> Content {
    let mut reader =
        Reader { html, at: 0, raw: String::with_capacity(html.len() / 2), content: Content::default() };
    reader.run();
    reader.content.text = tidy(&reader.raw);
    reader.content
}

struct Reader<'a> {
    html: &'a str,
    at: usize,
    raw: String,
    content: Content,
}

impl<'a> Reader<'a> {
    fn run(&mut self) {
        let html = self.html;
        while self.at < html.len() {
            let rest = &html[self.at..];
            let Some(next) = memchr2(b'<', b'&', rest.as_bytes()) else {
                self.raw.push_str(rest);
                return;
            };
            self.raw.push_str(&rest[..next]);
            self.at += next;
            if html.as_bytes()[self.at] == b'&' {
                self.at += push_reference(&html[self.at..], false, &mut self.raw);
            } else {
                self.tag();
            }
        }
    }

    /// At a `<`: a tag, a comment, or a mere sign.
    fn tag(&mut self) {
        let bytes = self.html.as_bytes();
        match (bytes.get(self.at + 1), bytes.get(self.at + 2)) {
            (Some(b), _) if b.is_ascii_alphabetic() => self.open_tag(),
            (Some(b'/'), Some(b)) if b.is_ascii_alphabetic() => self.close_tag(),
            (Some(b'!'), _) if self.html[self.at..].starts_with("<!--") => self.comment(),
            (Some(b'!' | b'?'), _) | (Some(b'/'), Some(_)) => {
                self.at = memchr(b'>', &bytes[self.at..]).map_or(bytes.len(), |end| self.at + end + 1);
            }
            _ => {
                self.raw.push('<');
                self.at += 1;
            }
        }
    }

    fn comment(&mut self) {
        let rest = &self.html.as_bytes()[self.at + 4..];
        let end = if rest.starts_with(b">") {
            Some(1)
        } else if rest.starts_with(b"->") {
            Some(2)
        } else {
            memmem::find(rest, b"-->").map(|at| at + 3)
        };
        self.at = end.map_or(self.html.len(), |end| self.at + 4 + end);
    }

    fn name(&self, from: usize) -> &'a str {
        let rest = &self.html[from..];
        let end = rest.find(|c: char| c.is_ascii_whitespace() || c == '/' || c == '>').unwrap_or(rest.len());
        &rest[..end]
    }

    fn open_tag(&mut self) {
        let name = self.name(self.at + 1);
        let mut href = None;
        let (mut src, mut alt) = (None, None);
        let after_name = self.at + 1 + name.len();
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        let (is_link, is_image) = (is("a"), is("img"));
        let end = attributes(self.html, after_name, |attribute, value| {
            let slot = match () {
                () if is_link && attribute.eq_ignore_ascii_case("href") => &mut href,
                () if is_image && attribute.eq_ignore_ascii_case("src") => &mut src,
                () if is_image && attribute.eq_ignore_ascii_case("alt") => &mut alt,
                () => return,
            };
            if slot.is_none() {
                *slot = Some(value_of(value));
            }
        });
        // A tag that does not end takes the rest of the page with it.
        let Some(end) = end else { return self.at = self.html.len() };
        self.at = end;
        if is_link {
            push_link(&mut self.content.links, href.as_deref());
        } else if is_image {
            if let Some(src) = src {
                self.content.images.push((src, alt.filter(|a: &String| !a.is_empty())));
            }
        } else if is("br") || is_block_name(name) {
            self.raw.push('\n');
        } else if let Some(raw) = RAW_TEXT.iter().find(|raw| is(raw)) {
            self.raw_text(raw);
        } else if is("template") {
            self.skip_template();
        }
    }

    fn close_tag(&mut self) {
        let name = self.name(self.at + 2);
        let end = attributes(self.html, self.at + 2 + name.len(), |_, _| {});
        self.at = end.unwrap_or(self.html.len());
        if is_block_name(name) || name.eq_ignore_ascii_case("br") {
            self.raw.push('\n');
        }
    }

    /// Behind the start tag of an element without tags inside: to its end tag.
    fn raw_text(&mut self, name: &str) {
        let start = self.at;
        let end = find_close(self.html, start, name).unwrap_or(self.html.len());
        self.at = end;
        if LEFT_OUT.contains(&name) {
            return;
        }
        let text = &self.html[start..end];
        if WITH_REFERENCES.contains(&name) {
            self.raw.push_str(&with_references(text, false));
        } else {
            self.raw.push_str(text);
        }
    }

    /// To the end tag of a template, over those inside it.
    fn skip_template(&mut self) {
        let mut depth = 1;
        while depth > 0 {
            let Some(next) = memchr(b'<', &self.html.as_bytes()[self.at..]) else {
                self.at = self.html.len();
                return;
            };
            self.at += next + 1;
            let rest = &self.html[self.at..];
            let starts = |tag: &str| rest.get(..tag.len()).is_some_and(|t| t.eq_ignore_ascii_case(tag));
            if starts("template") {
                depth += 1;
            } else if starts("/template") {
                depth -= 1;
            }
        }
        self.at +=
            memchr(b'>', &self.html.as_bytes()[self.at..]).map_or(self.html.len() - self.at, |e| e + 1);
    }
}

/// Where `</name` stands, in any case, followed by something that ends a name.
fn find_close(html: &str, from: usize, name: &str) -> Option<usize> {
    let bytes = html.as_bytes();
    memmem::find_iter(&bytes[from..], b"</").map(|at| from + at).find(|at| {
        let rest = &bytes[at + 2..];
        rest.get(..name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes()))
            && rest.get(name.len()).is_some_and(|b| b.is_ascii_whitespace() || *b == b'/' || *b == b'>')
    })
}

fn is_block_name(name: &str) -> bool {
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        is_block(&name.to_ascii_lowercase())
    } else {
        is_block(name)
    }
}

/// Reads the attributes of a tag from behind its name; the place behind its `>`, or `None` where it does not end.
fn attributes<'a>(html: &'a str, from: usize, mut each: impl FnMut(&'a str, &'a str)) -> Option<usize> {
    let bytes = html.as_bytes();
    let skip = |mut at: usize, what: fn(u8) -> bool| {
        while bytes.get(at).is_some_and(|b| what(*b)) {
            at += 1;
        }
        at
    };
    let mut at = from;
    loop {
        at = skip(at, |b| b.is_ascii_whitespace() || b == b'/');
        if *bytes.get(at)? == b'>' {
            return Some(at + 1);
        }
        let start = at;
        // A sign of equality at the start belongs to the name.
        at = skip(at + 1, |b| !(b.is_ascii_whitespace() || matches!(b, b'/' | b'>' | b'=')));
        let name = html.get(start..at)?;
        let behind = skip(at, |b| b.is_ascii_whitespace());
        if bytes.get(behind) != Some(&b'=') {
            each(name, "");
            continue;
        }
        at = skip(behind + 1, |b| b.is_ascii_whitespace());
        match *bytes.get(at)? {
            quote @ (b'"' | b'\'') => {
                let length = memchr(quote, &bytes[at + 1..])?;
                each(name, &html[at + 1..at + 1 + length]);
                at += length + 2;
            }
            _ => {
                let start = at;
                at = skip(at, |b| !b.is_ascii_whitespace() && b != b'>');
                each(name, &html[start..at]);
            }
        }
    }
}

fn value_of(written: &str) -> String {
    if written.contains('&') { with_references(written, true) } else { written.to_owned() }
}

fn with_references(text: &str, in_attribute: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr(b'&', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let length = push_reference(&rest[at..], in_attribute, &mut out);
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    out
}

/// Pushes what the reference at the start of `text` means, or the `&` as it stands; how much of `text` that took.
fn push_reference(text: &str, in_attribute: bool, out: &mut String) -> usize {
    let body = &text[1..];
    if let Some(number) = body.strip_prefix('#') {
        let (digits, radix) = match number.strip_prefix(['x', 'X']) {
            Some(hex) => (hex, 16),
            None => (number, 10),
        };
        let length = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
        if length > 0 {
            let value = u32::from_str_radix(&digits[..length], radix).unwrap_or(u32::MAX);
            out.push(character(value));
            let semicolon = usize::from(digits[length..].starts_with(';'));
            return text.len() - digits.len() + length + semicolon;
        }
    } else {
        let end = body.bytes().take(MAX_REFERENCE).position(|b| !b.is_ascii_alphanumeric());
        let end = end.unwrap_or_else(|| body.len().min(MAX_REFERENCE));
        let closed = usize::from(body.as_bytes().get(end) == Some(&b';'));
        for length in (1..=end + closed).rev() {
            let Some(name) = body.get(..length) else { continue };
            let Some((first, second)) = NAMED_ENTITIES.get(name).filter(|(first, _)| *first != 0) else {
                continue;
            };
            // `&copy=1` in an address is no sign of copyright.
            let next = body.as_bytes().get(length);
            if in_attribute
                && !name.ends_with(';')
                && next.is_some_and(|b| *b == b'=' || b.is_ascii_alphanumeric())
            {
                break;
            }
            out.extend([*first, *second].into_iter().filter(|c| *c != 0).filter_map(char::from_u32));
            return 1 + length;
        }
    }
    out.push('&');
    1
}

/// A numeric reference; numbers of Windows-1252 mean its letters, impossible ones the replacement character.
fn character(value: u32) -> char {
    match value {
        0x80..=0x9f => {
            let byte = [value as u8];
            let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&byte);
            text.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        0 => char::REPLACEMENT_CHARACTER,
        _ => char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::html::content_by_tree;
    use proptest::prelude::*;

    #[test]
    fn as_the_tree_reads_it() {
        for html in [
            "a<br>b<BR/>c",
            "<p>a &amp; b &lt;c&gt; &copy 1 &notin; &#228;&#xe4;&#x80;&#0; &nosuch; & x</p>",
            "<a href='https://x.test/?a=1&amp;copy=2'>l</a><a href=https://y.test/?x&copy=1>m</a>",
            "<img src=i.png alt='a &quot;b&quot;'><img alt=x>",
            "x<!-- <p>no</p> -->y<!---->z<!-->w",
            "<script>if (a < b) { '</p>' }</script>a<style>b</style>c",
            "<textarea><b>&amp;</textarea>d<title>&lt;t&gt;</title>",
            "a < b and c <3 </3 x",
            "<div class=\"a>b\" data-x='<p>'>t</div>",
            "<ul><li>a<li>b</ul><table><tr><td>c</td></tr></table>",
            "<template><p>no<template>no</template></p></template>yes",
            "<p title=\"unclosed>text",
            "text <b",
        ] {
            assert_eq!(read(html), content_by_tree(html), "{html}");
        }
    }

    fn html() -> impl Strategy<Value = String> {
        let text = prop_oneof![
            Just("word "),
            Just("ä€"),
            Just("&amp;"),
            Just("&auml;"),
            Just("&#8364;"),
            Just("\n"),
            Just("<br>"),
            Just("<img src='i.png' alt='x'>"),
            Just("<!-- c -->"),
            Just("1 < 2 "),
            Just("& "),
        ]
        .prop_map(str::to_owned);
        text.prop_recursive(4, 40, 5, |inner| {
            (
                prop::sample::select(vec!["div", "b", "span", "blockquote", "i", "section", "ul"]),
                prop::collection::vec(inner, 0..5),
            )
                .prop_map(|(name, parts)| format!("<{name} class='c'>{}</{name}>", parts.concat()))
        })
    }

    proptest! {
        #[test]
        fn whole_fragments_as_the_tree_reads_them(html in html()) {
            prop_assert_eq!(read(&html), content_by_tree(&html));
        }

        #[test]
        fn any_text_is_read(text: String) {
            read(&text);
            read(&format!("<{text}>&{text};</{text}"));
        }
    }
}
