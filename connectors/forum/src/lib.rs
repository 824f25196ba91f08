//! Forum pages by engine profiles that an operator can write and test (`config/sources/profiles`).
//!
//! A profile is data: where a post stands, and in it author, date, text. The shipped ones know XenForo, phpBB,
//! vBulletin, IPS, Kunena, WoltLab, SMF and the plain page of Discourse. Public pages only, no log-in, robots.txt obeyed.

mod profile;

use std::path::PathBuf;
use std::sync::LazyLock;

use scraper::{ElementRef, Html};
use serde::Deserialize;
use streife_domain::{Author, EventKind, Media, PostKind, RejectCode, Timestamp};
use streife_sdk::poll::{Onward, Poll, Target};
use streife_sdk::{
    ConfigError, Connector, Deps, Kind, Observation, ParseContext, Parsed, Request, SourceConfig, dates,
    html, recorded, settings,
};
use url::Url;

pub use profile::{Profile, ProfileError};

/// The name of this kind.
pub const KIND: &str = "forum";
/// The platform of all events.
pub const PLATFORM: &str = "forum";
/// Posts read of one page.
const MAX_POSTS: usize = 1_000;

/// The lines of the application's registration table.
pub const KINDS: &[Kind] = &[Kind { name: KIND, parse, connect }];

/// The shipped profiles.
static PROFILES: LazyLock<Vec<Profile>> = LazyLock::new(|| {
    const SHIPPED: [&str; 11] = [
        include_str!("../../../config/sources/profiles/xenforo2.toml"),
        include_str!("../../../config/sources/profiles/xenforo1.toml"),
        include_str!("../../../config/sources/profiles/phpbb3.toml"),
        include_str!("../../../config/sources/profiles/vbulletin4.toml"),
        include_str!("../../../config/sources/profiles/vbulletin3.toml"),
        include_str!("../../../config/sources/profiles/ips4.toml"),
        include_str!("../../../config/sources/profiles/kunena.toml"),
        include_str!("../../../config/sources/profiles/woltlab.toml"),
        include_str!("../../../config/sources/profiles/discourse.toml"),
        include_str!("../../../config/sources/profiles/smf2.toml"),
        include_str!("../../../config/sources/profiles/hifi-forum.toml"),
    ];
    // A test reads each of them; one that were broken would be missing here.
    SHIPPED.iter().filter_map(|text| Profile::parse(text).ok()).collect()
});

/// Reads a thread page by whichever shipped profile finds posts in it.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, |observation, context| parse_with(observation, context, &PROFILES))
}

/// Reads a thread page by the first of `profiles` that finds posts in it.
pub fn parse_with(observation: &Observation, context: &ParseContext, profiles: &[Profile]) -> Parsed {
    let text = html::decode(observation);
    if !html::depth_is_bounded(&text) {
        return Parsed::refused(
            RejectCode::TooLarge,
            format!("nested over {} deep", html::MAX_DEPTH),
            observation,
        );
    }
    let page = Html::parse_document(&html::open_and_closed(&text));
    for profile in profiles {
        let posts = profile.posts(&page);
        if posts.is_empty() {
            continue;
        }
        let mut parsed = Parsed::default();
        let title = title_of(&page);
        for (number, post) in posts.into_iter().take(MAX_POSTS).enumerate() {
            read_post(profile, post, number, &title, observation, context, &mut parsed);
        }
        return parsed;
    }
    Parsed::refused(RejectCode::BadField, "no profile finds a post on this page", observation)
}

fn title_of(page: &Html) -> String {
    let title = scraper::Selector::parse("title").ok().and_then(|s| page.select(&s).next());
    title.map(|t| html::tidy(&t.text().collect::<String>())).unwrap_or_default()
}

fn read_post(
    profile: &Profile,
    post: ElementRef<'_>,
    number: usize,
    title: &str,
    observation: &Observation,
    context: &ParseContext,
    parsed: &mut Parsed,
) {
    let Some(content) = profile.text(post) else { return parsed.ignore("element_without_text") };
    let base = Url::parse(&observation.url).ok();
    // Live, a visit's session has no place in an identity; a recording is given as it was written.
    let is_live = context.scope.is_some();
    let absolute = |link: &str| match &base {
        Some(base) => base.join(link).ok().map(|url| if is_live { without_session(url) } else { url.into() }),
        None => Some(link.to_owned()).filter(|l| l.starts_with("http")),
    };
    let link = profile.first(post, &profile.link).and_then(|l| absolute(&l));
    let id = profile
        .all(post, &profile.id)
        .find_map(|id| digits(&id))
        .map(|id| match profile.id_counts_in_thread {
            true => format!("{}#{id}", observation.url),
            false => id,
        })
        .or_else(|| link.clone())
        .unwrap_or_else(|| format!("{}#{}", observation.url, number + 1));
    let mut event = context.event(EventKind::Post, PLATFORM, &id, observation);
    event.kind = if number == 0 { PostKind::Post } else { PostKind::Reply };
    event.url = link.or_else(|| base.as_ref().map(|b| b.to_string()));
    event.text = content.text;
    event.links = content.links;
    event.media = content
        .images
        .into_iter()
        .filter(|(url, _)| !url.starts_with("data:") && !url.contains("smil") && !url.contains("emoji"))
        .map(|(url, alt)| Media {
            media_type: "image".to_owned(),
            url: absolute(&url),
            alt,
            ..Media::default()
        })
        .collect();
    let member = profile.first(post, &profile.author_link).and_then(|l| absolute(&l));
    event.author = profile.first(post, &profile.author).map(|name| Author {
        id: member.unwrap_or_else(|| name.clone()),
        handle: Some(name.clone()),
        name: Some(name),
    });
    event.posted_at =
        profile.all(post, &profile.date).find_map(|date| date_of(&date, observation.observed_at));
    if number == 0 && !title.is_empty() && event.text.is_empty() {
        title.clone_into(&mut event.text);
    }
    parsed.push(event, post.html());
}

/// Parameters by which forums number the sessions of visitors.
const SESSION: [&str; 4] = ["sid", "s", "PHPSESSID", "sessionid"];

fn without_session(mut url: Url) -> String {
    let is_session = |(name, value): &(std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        SESSION.contains(&name.as_ref()) && value.len() >= 16
    };
    if url.query_pairs().any(|pair| is_session(&pair)) {
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .filter(|pair| !is_session(pair))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.set_query(None);
        if !kept.is_empty() {
            url.query_pairs_mut().extend_pairs(kept);
        }
    }
    url.into()
}

/// The next page of a thread, as the page's own `rel=next` or a shipped profile says.
fn next(observation: &Observation, _: &Parsed) -> Option<Onward> {
    let page = Html::parse_document(&html::open_and_closed(&html::decode(observation)));
    let marked = scraper::Selector::parse("link[rel=next], a[rel~=next]").ok()?;
    let link = page
        .select(&marked)
        .find_map(|e| e.attr("href").map(str::to_owned))
        .or_else(|| PROFILES.iter().filter(|p| !p.posts(&page).is_empty()).find_map(|p| p.next(&page)))?;
    let here = Url::parse(&observation.url).ok()?;
    let url = here.join(&link).ok().filter(|url| url.host_str() == here.host_str())?;
    Some(Onward { url: without_session(url), is_there: true })
}

/// Seconds since 1970, or a date in any notation; phpBB writes "by NAME » DATE".
fn date_of(text: &str, seen: Timestamp) -> Option<Timestamp> {
    let text = text.rsplit('»').next().unwrap_or(text).trim();
    match text.parse::<i64>() {
        Ok(seconds @ 100_000_000..=9_999_999_999) => Some(Timestamp::from_secs(seconds)),
        _ => dates::parse(text, seen),
    }
}

/// The last run of digits: `post-123`, `js-post-123`, `#p123`.
fn digits(text: &str) -> Option<String> {
    let end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
    let start = text[..end]
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    Some(text[start..end].to_owned())
}

/// Settings of a forum source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Threads, by any of their pages: from there they are read to their end, and on as they grow.
    pub urls: Vec<String>,
    /// A profile of one's own; the shipped ones when absent.
    #[serde(default)]
    pub profile: Option<PathBuf>,
}

/// Builds the connector.
///
/// # Errors
/// Unknown settings, no address, a broken profile.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    let settings: Config = settings(config)?;
    let own = match &settings.profile {
        None => None,
        Some(path) => {
            let wrong = |e: &dyn std::fmt::Display| {
                ConfigError::new(&config.name, format!("{}: {e}", path.display()))
            };
            let text = std::fs::read_to_string(path).map_err(|e| wrong(&e))?;
            Some(Profile::parse(&text).map_err(|e| wrong(&e))?)
        }
    };
    let mut targets = Vec::new();
    for address in &settings.urls {
        let url = Url::parse(address)
            .map_err(|e| ConfigError::new(&config.name, format!("settings.urls: {address:?}: {e}")))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        targets.push(
            Target::new(Request::get(address).as_crawler(), ParseContext::scoped(&config.name, host))
                .onward(next),
        );
    }
    if targets.is_empty() {
        return Err(ConfigError::new(&config.name, "settings.urls: name at least one thread"));
    }
    Ok(match own {
        Some(profile) => {
            let profiles = [profile];
            Box::new(Poll::new(targets, move |o, c| parse_with(o, c, &profiles), deps))
        }
        None => Box::new(Poll::new(targets, parse, deps)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_profile_is_sound() {
        assert_eq!(PROFILES.len(), 11);
    }

    #[test]
    fn a_phpbb_page() {
        let page = r#"<div class="post" id="p12"><p class="author"><a href="./viewtopic.php?p=12#p12"></a>by <strong><a class="username">May 3</a></strong> » Sun Jul 28, 2013 11:59 am</p><div class="content">a<br>b<blockquote>q</blockquote></div><div class="signature">s</div></div>"#;
        let o = Observation::new(
            "https://f.test/viewtopic.php?t=1",
            page.as_bytes().to_vec(),
            Timestamp::from_secs(1_780_000_000),
        );
        let p = parse(&o, &ParseContext::scoped("t", "f.test"));
        let e = &p.events[0].event;
        assert_eq!((e.native_id.as_str(), e.text.as_str()), ("f.test/12", "a\nb\n> q"));
        assert_eq!(e.author.as_ref().unwrap().id, "May 3", "no member page: the name");
        assert_eq!(e.posted_at.unwrap().to_string(), "2013-07-28T11:59:00Z");
        assert_eq!(e.url.as_deref(), Some("https://f.test/viewtopic.php?p=12#p12"));
    }

    #[test]
    fn ids_are_the_last_digits() {
        assert_eq!(digits("js-post-123").as_deref(), Some("123"));
        assert_eq!(digits("ä9").as_deref(), Some("9"));
        assert_eq!(digits("none"), None);
    }
}
