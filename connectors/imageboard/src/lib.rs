//! Imageboards with the JSON interface of 4chan; vichan and jschan boards differ only in their base address.
//!
//! `threads.json` says which threads changed; those are read whole, since an index page shows the last answers alone.
//! Post numbers are unique on one board; live, native ids carry host and board. The rules of 4chan's interface: one
//! request a second, a thread at most every ten seconds, `If-Modified-Since`; name the source and link it.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use streife_domain::{Author, Event, EventKind, Media, PostKind, Reach, RejectCode};
use streife_sdk::listing::{Entry, Freshness, List, Listing, Reading};
use streife_sdk::{
    ConfigError, Connector, Deps, Kind, Observation, ParseContext, Parsed, Request, SourceConfig, html, json,
    recorded, settings,
};

/// The name of this kind.
pub const KIND: &str = "imageboard";
/// The platform of all events.
pub const PLATFORM: &str = "imageboard";
/// Threads of a board read on a first visit.
const FIRST_VISIT: usize = 50;

/// The lines of the application's registration table.
pub const KINDS: &[Kind] = &[Kind { name: KIND, parse, connect }];

/// Reads a board page, a thread, a catalogue.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, |observation, context| {
        let answer = match json::document(observation) {
            Ok(answer) => answer,
            Err(refusal) => return *refusal,
        };
        let mut parsed = Parsed::default();
        let pages = answer.as_array().map_or_else(|| std::slice::from_ref(&answer), Vec::as_slice);
        for page in pages {
            for thread in json::items(page, "threads") {
                if json::items(thread, "posts").is_empty() {
                    // A catalogue gives the opening post itself; a list of threads only numbers.
                    if thread.get("com").is_some() || thread.get("name").is_some() {
                        read_post(thread, observation, context, &mut parsed);
                    } else {
                        parsed.ignore("thread_without_posts");
                    }
                }
                read_posts(thread, observation, context, &mut parsed);
            }
            read_posts(page, observation, context, &mut parsed);
        }
        json::finished(parsed, "no_post_in_answer")
    })
}

fn read_posts(thread: &Value, observation: &Observation, context: &ParseContext, parsed: &mut Parsed) {
    for post in json::items(thread, "posts") {
        read_post(post, observation, context, parsed);
    }
}

fn read_post(post: &Value, observation: &Observation, context: &ParseContext, parsed: &mut Parsed) {
    let raw = Bytes::from(post.to_string());
    let Some(number) = json::count(post, "no").filter(|n| *n > 0) else {
        parsed.problem("post", RejectCode::BadField, "no (the post's number) is missing", raw);
        return;
    };
    let mut event = context.event(EventKind::Post, PLATFORM, &number.to_string(), observation);
    // <wbr> and &gt;&gt; are what the boards write; the text is plain afterwards.
    let content =
        json::text(post, "com").map(|com| html::content(&com.replace("<wbr>", ""))).unwrap_or_default();
    let subject = json::text(post, "sub").map(|sub| html::content(sub).text);
    event.text =
        subject.into_iter().chain([content.text]).filter(|t| !t.is_empty()).collect::<Vec<_>>().join("\n\n");
    event.links = content.links;
    let name = json::text(post, "name").map(|n| html::content(n).text);
    let trip = json::text(post, "trip").or_else(|| json::text(post, "id"));
    event.author = trip.map(str::to_owned).or_else(|| name.clone()).map(|id| Author {
        id,
        handle: trip.map(str::to_owned),
        name,
    });
    event.posted_at = json::time(post, "time", observation.observed_at);
    let thread = json::count(post, "resto").filter(|n| *n > 0);
    if let Some(thread) = thread {
        event.kind = PostKind::Reply;
        event.reply_to = Some(context.native_id(&thread.to_string()));
    }
    event.url = thread_address(context, thread.unwrap_or(number), number);
    if post.get("filedeleted").is_none()
        && let Some(name) = json::text(post, "filename")
    {
        let ext = json::text(post, "ext").unwrap_or_default();
        let media_type = match ext {
            ".webm" | ".mp4" => "video",
            _ => "image",
        };
        let url = json::count(post, "tim").and_then(|tim| file_address(context, tim, ext));
        let alt = Some(format!("{}{ext}", html::content(name).text));
        event.media.push(Media { media_type: media_type.to_owned(), url, alt, ..Media::default() });
    }
    event.reach =
        json::count(post, "replies").map(|replies| Reach { replies: Some(replies), ..Reach::default() });
    parsed.push(event, raw);
}

/// The public page of a post; only 4chan's is known, other boards name theirs in the scope.
fn thread_address(context: &ParseContext, thread: u64, number: u64) -> Option<String> {
    let (host, board) = context.scope.as_deref()?.split_once('/')?;
    Some(match host {
        "a.4cdn.org" => format!("https://boards.4chan.org/{board}/thread/{thread}#p{number}"),
        _ => format!("https://{host}/{board}/res/{thread}.html#{number}"),
    })
}

fn file_address(context: &ParseContext, tim: u64, ext: &str) -> Option<String> {
    let (host, board) = context.scope.as_deref()?.split_once('/')?;
    (host == "a.4cdn.org").then(|| format!("https://i.4cdn.org/{board}/{tim}{ext}"))
}

/// Settings of an imageboard source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The interface: `https://a.4cdn.org` or the board's own address.
    pub base: String,
    /// Boards without slashes.
    pub boards: Vec<String>,
    /// Milliseconds between two requests; a second unless the board is one's own.
    #[serde(default = "a_second")]
    pub host_interval_millis: u64,
}

const fn a_second() -> u64 {
    1_000
}

/// Builds the connector.
///
/// # Errors
/// Unknown settings, no board, a base that is no web address.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    let settings: Config = settings(config)?;
    let wrong = |message: &str| ConfigError::new(&config.name, message);
    let base = settings.base.trim_end_matches('/');
    let host = base
        .split_once("://")
        .map(|(_, h)| h)
        .filter(|h| !h.is_empty())
        .ok_or_else(|| wrong("settings.base is no web address"))?;
    let is_board = |b: &String| !b.is_empty() && b.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if settings.boards.is_empty() || !settings.boards.iter().all(is_board) {
        return Err(wrong("settings.boards: names of boards, without slashes"));
    }
    deps.http.set_host_pace(host, Duration::from_millis(settings.host_interval_millis.max(1)), 1);
    let lists = settings.boards.iter().map(|board| List {
        request: Request::get(format!("{base}/{board}/threads.json")),
        context: ParseContext::scoped(&config.name, format!("{host}/{board}")),
    });
    let reading =
        Reading { list: threads, parse, freshness: Freshness::Numbered(number), first_visit: FIRST_VISIT };
    Ok(Box::new(Listing::new(lists.collect(), reading, deps)))
}

/// The threads of a board with the time of their last change.
fn threads(observation: &Observation, list: &List) -> Result<Vec<Entry>, String> {
    let answer: Value = serde_json::from_slice(&observation.body).map_err(|_| "no JSON".to_owned())?;
    let Value::Array(pages) = &answer else { return Err("no list of pages".to_owned()) };
    let board = list.request.url.trim_end_matches("/threads.json");
    let threads = pages.iter().flat_map(|page| json::items(page, "threads"));
    Ok(threads
        .filter_map(|thread| {
            let no = json::count(thread, "no")?;
            let version = json::id(thread, "last_modified").unwrap_or_default();
            // 4chan keeps threads under `thread`, vichan and its descendants under `res`.
            let folder = if board.contains("//a.4cdn.org/") { "thread" } else { "res" };
            Some(Entry::Item {
                key: format!("{board}/{no}"),
                version,
                url: format!("{board}/{folder}/{no}.json"),
            })
        })
        .collect())
}

/// The number in a native id.
fn number(event: &Event) -> Option<u64> {
    event.native_id.rsplit('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use streife_domain::Timestamp;

    #[test]
    fn a_thread_with_a_reply() {
        let text = br##"{"posts":[{"no":1,"resto":0,"time":1377220979,"name":"A","sub":"s","com":"a<br>b","filename":"f","ext":".png","tim":5},{"no":2,"resto":1,"time":1377220980,"name":"A","com":"<a href=\"#p1\" class=\"quotelink\">&gt;&gt;1</a><br>x<wbr>y"},{"com":"x"}]}"##;
        let o = Observation::new("f", &text[..], Timestamp::default());
        let p = parse(&o, &ParseContext::scoped("t", "a.4cdn.org/g"));
        assert_eq!(p.events[0].event.text, "s\n\na\nb");
        assert_eq!(p.events[1].event.text, ">>1\nxy");
        assert_eq!(p.events[1].event.reply_to.as_deref(), Some("a.4cdn.org/g/1"));
        assert_eq!(p.events[1].event.url.as_deref(), Some("https://boards.4chan.org/g/thread/1#p2"));
        assert_eq!(p.problems.len(), 1);
    }
}
