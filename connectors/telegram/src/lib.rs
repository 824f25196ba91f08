//! Telegram public channels through their web preview `https://t.me/s/<channel>`. No log-in, no private groups.
//!
//! A message is known by `channel/number`, which is unique everywhere. Service messages ("photo changed") are counted.

use scraper::{ElementRef, Html, Selector};
use serde::Deserialize;
use streife_domain::{Author, EventKind, Media, PostKind, Reach, RejectCode};
use streife_sdk::poll::{Poll, Target};
use streife_sdk::{
    ConfigError, Connector, Deps, Kind, Observation, ParseContext, Parsed, Request, SourceConfig, dates,
    html, recorded, settings,
};

/// The name of this kind.
pub const KIND: &str = "telegram";
/// The platform of all events.
pub const PLATFORM: &str = "telegram";
/// Pages walked back on a visit: about 20 messages each.
const MAX_PAGES: usize = 10;
const BASE: &str = "https://t.me";

/// The lines of the application's registration table.
pub const KINDS: &[Kind] = &[Kind { name: KIND, parse, connect }];

/// Reads a preview page or a part of one.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, parse_page)
}

fn select<'a>(of: ElementRef<'a>, selector: &str) -> Vec<ElementRef<'a>> {
    // The selectors are constants of this file; one that did not parse would find nothing, which a test shows.
    Selector::parse(selector).map(|s| of.select(&s).collect()).unwrap_or_default()
}

fn first<'a>(of: ElementRef<'a>, selector: &str) -> Option<ElementRef<'a>> {
    select(of, selector).into_iter().next()
}

fn parse_page(observation: &Observation, context: &ParseContext) -> Parsed {
    let text = html::decode(observation);
    if !html::depth_is_bounded(&text) {
        return Parsed::refused(
            RejectCode::TooLarge,
            format!("nested over {} deep", html::MAX_DEPTH),
            observation,
        );
    }
    let page = Html::parse_document(&text);
    let mut parsed = Parsed::default();
    for message in select(page.root_element(), ".tgme_widget_message[data-post]") {
        if message.attr("class").is_some_and(|c| c.split_whitespace().any(|c| c == "service_message")) {
            parsed.ignore("service_message");
            continue;
        }
        read_message(message, observation, context, &mut parsed);
    }
    if parsed.events.is_empty() && parsed.problems.is_empty() && parsed.ignored.is_empty() {
        let is_preview = text.contains("tgme_");
        if is_preview {
            parsed.ignore("no_message");
        } else {
            return Parsed::refused(RejectCode::BadField, "no channel preview", observation);
        }
    }
    parsed
}

fn read_message(
    message: ElementRef<'_>,
    observation: &Observation,
    context: &ParseContext,
    parsed: &mut Parsed,
) {
    let raw = message.html();
    let id = message.attr("data-post").unwrap_or_default().trim();
    let Some((channel, number)) = id.split_once('/').filter(|(c, n)| !c.is_empty() && !n.is_empty()) else {
        parsed.problem("message", RejectCode::BadField, "data-post is not channel/number", raw);
        return;
    };
    let mut event = context.event(EventKind::Post, PLATFORM, "", observation);
    id.clone_into(&mut event.native_id);
    event.url = Some(format!("{BASE}/{channel}/{number}"));
    let name = first(message, ".tgme_widget_message_owner_name").map(|e| html::content_of(e).text);
    event.author = Some(Author {
        id: channel.to_owned(),
        handle: Some(channel.to_owned()),
        name: name.filter(|n| !n.is_empty()),
    });
    // A reply shows the beginning of what it answers, in the same class of element.
    let reply = first(message, ".tgme_widget_message_reply");
    event.reply_to = reply.and_then(|r| r.attr("href")).and_then(post_of_address);
    let texts: Vec<html::Content> = select(message, ".tgme_widget_message_text, .tgme_widget_message_poll_question, .tgme_widget_message_poll_option_text")
        .into_iter()
        .filter(|e| !e.ancestors().any(|a| reply.is_some_and(|r| r.id() == a.id())))
        .filter(|e| !e.ancestors().skip(1).filter_map(ElementRef::wrap).any(|a| a.attr("class").is_some_and(|c| c.split_whitespace().any(|c| c == "tgme_widget_message_text"))))
        .map(html::content_of)
        .collect();
    event.text =
        texts.iter().map(|c| c.text.as_str()).filter(|t| !t.is_empty()).collect::<Vec<_>>().join("\n");
    for link in texts.into_iter().flat_map(|c| c.links) {
        if let Some((_, tag)) = link.split_once("?q=%23") {
            event.tags.push(tag.to_owned());
        } else if !event.links.contains(&link) {
            event.links.push(link);
        }
    }
    for tag in event.text.split_whitespace().filter_map(|w| w.strip_prefix('#')) {
        let tag = tag.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '_');
        if !tag.is_empty() && !event.tags.iter().any(|t| t == tag) && event.tags.len() < 100 {
            event.tags.push(tag.to_owned());
        }
    }
    if let Some(link) = first(message, "a.tgme_widget_message_link_preview").and_then(|e| e.attr("href")) {
        event.media.push(Media {
            media_type: "link".to_owned(),
            url: Some(link.to_owned()),
            alt: None,
            ..Media::default()
        });
        if !event.links.iter().any(|l| l == link) {
            event.links.push(link.to_owned());
        }
    }
    read_media(message, &mut event.media);
    let forwarded = first(message, ".tgme_widget_message_forwarded_from_name");
    event.quote_of = forwarded.and_then(|f| f.attr("href")).and_then(post_of_address);
    event.kind = match (&event.reply_to, forwarded) {
        (Some(_), _) => PostKind::Reply,
        (None, Some(_)) => PostKind::Quote,
        _ => PostKind::Post,
    };
    let date =
        select(message, ".tgme_widget_message_date time, .tgme_widget_message_meta time, time[datetime]")
            .into_iter()
            .find_map(|t| t.attr("datetime"));
    event.posted_at = date.and_then(|d| dates::parse(d, observation.observed_at));
    let meta =
        first(message, ".tgme_widget_message_meta").map(|m| html::content_of(m).text).unwrap_or_default();
    let is_edited = meta.to_lowercase().contains("edited");
    let views = first(message, ".tgme_widget_message_views").map(|v| html::content_of(v).text);
    event.reach =
        views.as_deref().and_then(count).map(|views| Reach { views: Some(views), ..Reach::default() });
    if is_edited {
        // The page says that it was edited, not when: the time of seeing is the latest it can have been.
        event.edited_at = Some(observation.observed_at).filter(|t| t.as_micros() > 0);
    }
    parsed.push(event, raw);
}

fn read_media(message: ElementRef<'_>, media: &mut Vec<Media>) {
    let mut add = |kind: &str, url: Option<String>| {
        media.push(Media { media_type: kind.to_owned(), url, alt: None, ..Media::default() });
    };
    for photo in select(message, ".tgme_widget_message_photo_wrap") {
        add("image", photo.attr("style").and_then(background));
    }
    for player in select(message, ".tgme_widget_message_video_player, .tgme_widget_message_roundvideo_player")
    {
        add("video", first(player, "video").and_then(|v| v.attr("src")).map(str::to_owned));
    }
    for voice in select(message, "audio.tgme_widget_message_voice") {
        add("audio", voice.attr("src").map(str::to_owned));
    }
    for document in select(message, ".tgme_widget_message_document_wrap") {
        add("document", document.attr("href").map(str::to_owned));
    }
    for sticker in select(message, ".tgme_widget_message_sticker, .tgme_widget_message_tgsticker") {
        let url = sticker
            .attr("data-webp")
            .map(str::to_owned)
            .or_else(|| sticker.attr("style").and_then(background));
        add("sticker", url);
    }
    for location in select(message, ".tgme_widget_message_location_wrap") {
        add("location", location.attr("href").map(str::to_owned));
    }
}

/// `background-image:url('...')`.
fn background(style: &str) -> Option<String> {
    let url = style.split_once("url(")?.1.split(')').next()?;
    Some(url.trim_matches(['\'', '"', ' ']).to_owned()).filter(|u| !u.is_empty())
}

/// `https://t.me/channel/123`.
fn post_of_address(address: &str) -> Option<String> {
    let path = address.split_once("t.me/")?.1.split(['?', '#']).next()?;
    let path = path.strip_prefix("s/").unwrap_or(path);
    path.split_once('/').filter(|(_, n)| !n.is_empty()).map(|(channel, number)| format!("{channel}/{number}"))
}

/// `1.2K`, `3M`, `987`.
fn count(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, factor) = match text.strip_suffix(['K', 'k']) {
        Some(number) => (number, 1e3),
        None => text.strip_suffix(['M', 'm']).map_or((text, 1.0), |number| (number, 1e6)),
    };
    let value = number.parse::<f64>().ok().filter(|v| (0.0..1e12).contains(v))?;
    Some((value * factor) as u64)
}

/// The page before this one begins below the lowest number on it.
fn older(observation: &Observation, parsed: &Parsed) -> Option<String> {
    let numbers =
        parsed.events.iter().filter_map(|e| e.event.native_id.rsplit('/').next()?.parse::<u64>().ok());
    let lowest = numbers.min().filter(|n| *n > 1)?;
    let page = observation.url.split('?').next()?;
    Some(format!("{page}?before={lowest}"))
}

/// Settings of a Telegram source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Names of public channels.
    pub channels: Vec<String>,
    /// Where the previews are; another address only for tests and mirrors.
    #[serde(default = "base")]
    pub base: String,
}

fn base() -> String {
    BASE.to_owned()
}

/// Builds the connector.
///
/// # Errors
/// Unknown settings, or a channel that is no name.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    let settings: Config = settings(config)?;
    let is_name =
        |c: &String| (4..=64).contains(&c.len()) && c.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if settings.channels.is_empty() || !settings.channels.iter().all(is_name) {
        return Err(ConfigError::new(
            &config.name,
            "settings.channels: names of public channels, without @ and address",
        ));
    }
    let targets = settings.channels.iter().map(|channel| {
        let request = Request::get(format!("{}/s/{channel}", settings.base.trim_end_matches('/')));
        Target::new(request, ParseContext::new(&config.name))
            .paged(MAX_PAGES, older)
            .oldest_first()
            .complete()
    });
    Ok(Box::new(Poll::new(targets.collect(), parse, deps)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use streife_domain::Timestamp;

    const PAGE: &str = r#"<div class="tgme_widget_message" data-post="chan_x/12"><a class="tgme_widget_message_owner_name"><span>Name</span></a>
        <a class="tgme_widget_message_reply" href="https://t.me/chan_x/9"><div class="tgme_widget_message_text">quoted</div></a>
        <div class="tgme_widget_message_text js-message_text">a<br/>b <a href="?q=%23tag">#tag</a> <a href="https://y.test/">y</a></div>
        <a class="tgme_widget_message_photo_wrap" style="width:1px;background-image:url('https://c.test/p.jpg')"></a>
        <div class="tgme_widget_message_info"><span class="tgme_widget_message_views">1.2K</span><span class="tgme_widget_message_meta">edited <a class="tgme_widget_message_date" href="https://t.me/chan_x/12"><time datetime="2026-01-02T03:04:05+00:00">03:04</time></a></span></div></div>
        <div class="tgme_widget_message service_message" data-post="chan_x/13"></div>"#;

    #[test]
    fn a_message_with_reply_photo_and_views() {
        let o = Observation::new(
            "https://t.me/s/chan_x",
            PAGE.as_bytes().to_vec(),
            Timestamp::from_secs(1_780_000_000),
        );
        let p = parse(&o, &ParseContext::new("t"));
        let e = &p.events[0].event;
        assert_eq!((e.native_id.as_str(), e.text.as_str()), ("chan_x/12", "a\nb #tag y"));
        assert_eq!((e.reply_to.as_deref(), e.kind), (Some("chan_x/9"), PostKind::Reply));
        assert_eq!(e.media[0].url.as_deref(), Some("https://c.test/p.jpg"));
        assert_eq!(e.reach.unwrap().views, Some(1200));
        assert_eq!(e.posted_at.unwrap().to_string(), "2026-01-02T03:04:05Z");
        assert_eq!((e.tags.as_slice(), p.ignored["service_message"]), (&["tag".to_owned()][..], 1));
        assert_eq!(older(&o, &p).as_deref(), Some("https://t.me/s/chan_x?before=12"));
    }

    #[test]
    fn another_page_is_refused() {
        let o = Observation::new("x", &b"<html>sign in</html>"[..], Timestamp::default());
        assert_eq!(parse(&o, &ParseContext::new("t")).problems.len(), 1);
    }
}
