//! Reads feeds that are no well-formed XML, by looking for items and their few fields in the text.

use streife_domain::{Author, EventKind, PostKind};
use streife_sdk::{Observation, ParseContext, Parsed, dates, html};

use crate::PLATFORM;
use crate::feed::{identity, joined};

/// Items read of a broken feed.
const MAX_ITEMS: usize = 1_000;

/// Every `<item>` or `<entry>` that has a title, text or link.
pub(crate) fn parse(text: &str, observation: &Observation, context: &ParseContext) -> Parsed {
    let mut parsed = Parsed::default();
    for item in items(text).into_iter().take(MAX_ITEMS) {
        let field = |names: &[&str]| names.iter().find_map(|name| element(item, name)).unwrap_or_default();
        let title = html::content(&unwrapped(field(&["title"]))).text;
        let body = field(&["content:encoded", "content", "description", "summary"]);
        let body = html::content(&unwrapped(body));
        let link = Some(unwrapped(field(&["link"]))).filter(|l| !l.is_empty()).or_else(|| href(item));
        let text = joined(&title, &body.text);
        if text.is_empty() && link.is_none() {
            continue;
        }
        let mut event = context.event(EventKind::Post, PLATFORM, "", observation);
        event.native_id = identity(&unwrapped(field(&["guid", "id"])), link.as_deref(), &text, context);
        event.kind = PostKind::Article;
        event.text = text;
        event.url = link;
        event.links = body.links;
        let author = unwrapped(field(&["dc:creator", "author"]));
        event.author = Some(html::content(&author).text).filter(|a| !a.is_empty()).map(|name| Author {
            id: name.clone(),
            handle: None,
            name: Some(name),
        });
        let date = unwrapped(field(&["pubDate", "published", "dc:date", "updated", "modified", "issued"]));
        event.posted_at = dates::parse(&date, observation.observed_at);
        parsed.push(event, observation.body.clone());
    }
    parsed
}

fn items(text: &str) -> Vec<&str> {
    let name = if find_tag(text, "item").is_some() { "item" } else { "entry" };
    let mut items = Vec::new();
    let mut rest = text;
    while let Some(start) = find_tag(rest, name) {
        let body = &rest[start + 1..];
        let end = body.find(&format!("</{name}")).or_else(|| find_tag(body, name)).unwrap_or(body.len());
        items.push(&body[..end]);
        rest = &body[end..];
        if items.len() > MAX_ITEMS {
            break;
        }
    }
    items
}

/// Where `<name` begins, followed by something that ends a name.
fn find_tag(text: &str, name: &str) -> Option<usize> {
    let open = format!("<{name}");
    text.match_indices(&open)
        .find(|(at, _)| {
            text[at + open.len()..].starts_with(|c: char| c == '>' || c == '/' || c.is_whitespace())
        })
        .map(|(at, _)| at)
}

fn element<'a>(item: &'a str, name: &str) -> Option<&'a str> {
    let start = find_tag(item, name)?;
    let tag_end = start + item[start..].find('>')?;
    if item[..tag_end].ends_with('/') {
        return None;
    }
    let body = &item[tag_end + 1..];
    let end = body.find(&format!("</{name}")).unwrap_or_else(|| body.find("\n<").unwrap_or(body.len()));
    Some(&body[..end])
}

fn href(item: &str) -> Option<String> {
    let link = &item[find_tag(item, "link")?..];
    let link = &link[..link.find('>')?];
    let value = link.split_once("href=")?.1;
    let value = value.trim_start_matches(['"', '\'']);
    let end = value.find(['"', '\'', ' ']).unwrap_or(value.len());
    (end > 0).then(|| value[..end].to_owned())
}

/// Without CDATA marks; escaped markup becomes markup.
fn unwrapped(text: &str) -> String {
    let text = text.trim();
    match text.strip_prefix("<![CDATA[") {
        Some(inner) => inner.split("]]>").next().unwrap_or_default().trim().to_owned(),
        None => text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use streife_domain::Timestamp;

    #[test]
    fn a_broken_feed_still_says_something() {
        let text = "<rss><channel><item><title>a & b</title><link>http://x.test/?a&b</link><description><![CDATA[<p>c</item><item><title>d";
        let o = Observation::new("f", text.as_bytes().to_vec(), Timestamp::default());
        let p = parse(text, &o, &ParseContext::new("t"));
        assert_eq!(p.events[0].event.text, "a & b\n\nc");
        assert_eq!(p.events[0].event.native_id, "http://x.test/?a&b");
        assert_eq!(p.events[1].event.text, "d");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text: String) {
            let o = Observation::new("f", Vec::new(), Timestamp::default());
            parse(&format!("<item>{text}</item><item><title>{text}"), &o, &ParseContext::new("t"));
        }
    }
}
