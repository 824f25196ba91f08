//! Collects what is to be secured of a case: the post from the bytes in the store, and its pages from the network.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use streife_cases::ledger::Note;
use streife_cases::rulebook::hide_foreign;
use streife_cases::store::CaseStore;
use streife_cases::tenant::Tenant;
use streife_cases::workflow::Case;
use streife_domain::{Clock, Media, MediaPolicy, PostId};
use streife_evidence::{AccountFacts, CapturedItem, ContextPost, ItemRole, PostFacts};
use streife_referral::found::Circumstances;
use streife_referral::{Collected, Collector, Found};
use streife_store::Store;
use streife_store::queries::Neighbour;
use url::Url;

use super::pages::{Keep, Pages, Wanted};
use super::sntp;
use crate::config::EvidenceSection;

/// Files of one post that are fetched.
const MAX_MEDIA: usize = 8;

/// Reads ClickHouse, captures pages.
pub(crate) struct StoreCollector {
    pub(crate) store: Arc<Store>,
    pub(crate) cases: CaseStore,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) section: EvidenceSection,
    pub(crate) rule_titles: BTreeMap<String, String>,
    /// `None`: pages are not captured.
    pub(crate) pages: Option<Pages>,
}

impl StoreCollector {
    async fn found(&self, post: PostId, owner: &Tenant) -> Result<Found, String> {
        let said = |error: streife_store::StoreError| error.to_string();
        let gone = || "der Beitrag ist nicht mehr in der Datenbank".to_owned();
        let mut item = self.store.item(post).await.map_err(said)?.ok_or_else(gone)?;
        // Rules of a former owner of the source stay unnamed in the evidence of the present one.
        hide_foreign(&mut item.verdict.hits, owner);
        let who = self.store.identity(post).await.map_err(said)?.ok_or_else(gone)?;
        let changes = self.store.changes(post).await.map_err(said)?;
        let members = self.store.campaign_members(item.post.campaign).await.map_err(said)?;
        let mut platforms: Vec<String> = members.iter().map(|member| member.source.clone()).collect();
        platforms.push(item.post.source.clone());
        platforms.sort();
        platforms.dedup();
        let refers_to = who.reply_to.or(who.quote_of);
        let neighbours = self.store.thread(post, &item.post.platform).await.map_err(said)?;
        let thread = neighbours.into_iter().map(|post| neighbour(post, refers_to.as_deref())).collect();
        let rule_titles = self
            .rule_titles
            .iter()
            .filter(|(id, _)| item.verdict.hits.iter().any(|hit| hit.rule == **id))
            .map(|(id, title)| (id.clone(), title.clone()))
            .collect();
        Ok(Found {
            post: item.post,
            identity: who.identity,
            verdict: item.verdict,
            media: item.media,
            reach: item.reach,
            legal: item.legal,
            refers_to,
            changes,
            copies: members.len().max(1) as u64,
            platforms,
            rule_titles,
            thread,
            raw: who.raw.to_vec(),
            raw_sha256: who.raw_sha256,
        })
    }

    async fn circumstances(&self, by: &str) -> Circumstances {
        let server = self.section.time_server.clone();
        let clock = Arc::clone(&self.clock);
        let measured = match server.clone() {
            Some(server) => tokio::task::spawn_blocking(move || sntp::offset_ms(&server, &*clock))
                .await
                .unwrap_or_else(|error| Err(error.to_string())),
            None => Err(String::new()),
        };
        if let (Some(_), Err(why)) = (&server, &measured) {
            tracing::warn!("{why}; the capture log says that the clock was not measured");
        }
        let time_source = match server {
            Some(server) => format!("{}, gemessen an {server}", self.section.time_source),
            None => self.section.time_source.clone(),
        };
        Circumstances {
            by: by.to_owned(),
            zone: self.section.zone.clone(),
            clock_offset_ms: measured.ok(),
            time_source,
        }
    }
}

#[async_trait]
impl Collector for StoreCollector {
    async fn collect(&self, case: &Case, by: &str) -> Result<Collected, String> {
        let post: PostId = case.post_id.parse().map_err(|_| format!("{} is no post", case.post_id))?;
        // Whoever made the machine read content stands on record before it does.
        let note = Note {
            at: self.clock.now(),
            actor: by.to_owned(),
            role: "system".to_owned(),
            action: "seal.content".to_owned(),
            subject: case.id.clone(),
            reason: format!("case {}", case.id),
            details: json!({}),
        };
        self.cases.audit(note).await.map_err(|error| error.to_string())?;
        let found = self.found(post, &case.tenant).await?;
        let circumstances = self.circumstances(by).await;
        let mut captures = Vec::new();
        if let Some(pages) = &self.pages {
            let facts = found.capture(&circumstances).map_err(|error| error.to_string())?;
            let mut wanted = wanted_pages(&facts, &found);
            wanted.extend(wanted_media(&facts, self.section.media));
            captures = pages.capture_all(&loadable(&facts, wanted), &circumstances).await;
            let named: Vec<Wanted> = captures.iter().filter_map(page_named_by).collect();
            captures.extend(pages.capture_all(&named, &circumstances).await);
        }
        Ok(Collected { found, circumstances, captures })
    }
}

/// What may be loaded for a post. Its page shows its pictures: where one of them may not be stored nothing is loaded, and the
/// post is secured from its own bytes alone.
fn loadable(item: &CapturedItem, wanted: Vec<Wanted>) -> Vec<Wanted> {
    if item.post.media.iter().any(Media::is_barred) { Vec::new() } else { wanted }
}

/// A post of the thread as it lies in the store. Whose it is stays unread.
fn neighbour(post: Neighbour, refers_to: Option<&str>) -> ContextPost {
    let above = refers_to.filter(|_| post.above);
    ContextPost {
        relation: if above.is_some() { "Bezugsbeitrag" } else { "Antwort" }.to_owned(),
        native_id: above.map_or_else(|| post.post_id.to_string(), str::to_owned),
        url: None,
        author: "Konto nicht eingesehen".to_owned(),
        posted_at: post.posted_at,
        text: post.text,
        changed: None,
    }
}

/// Post page, profile page and the page of the post it refers to, as far as their addresses are known.
fn wanted_pages(item: &CapturedItem, found: &Found) -> Vec<Wanted> {
    let public = |url: &str| url.starts_with("https://") || url.starts_with("http://");
    let own = |role, url: String| Wanted {
        role,
        url,
        post: item.post.clone(),
        account: item.account.clone(),
        keep: Keep::Page,
    };
    let mut wanted = Vec::new();
    if public(&item.post.url) {
        wanted.push(own(ItemRole::Page, item.post.url.clone()));
    }
    let profile = Some(item.account.profile_url.clone()).filter(|url| public(url));
    let profile =
        profile.or_else(|| profile_of(&item.post.platform, &item.account.native_id, &item.account.handle));
    wanted.extend(profile.map(|url| own(ItemRole::Profile, url)));
    wanted.extend(referred(item, found));
    wanted
}

/// The post's pictures, films and sounds, as far as the site's policy lets them be fetched.
fn wanted_media(item: &CapturedItem, policy: MediaPolicy) -> Vec<Wanted> {
    let keep = match policy {
        MediaPolicy::Address => return Vec::new(),
        MediaPolicy::Hash => Keep::Hash,
        MediaPolicy::File => Keep::File,
    };
    let is_file = |media: &&Media| media.media_type != "link";
    let urls = item.post.media.iter().filter(is_file).filter_map(|media| media.url.clone());
    let public = urls.filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    public
        .take(MAX_MEDIA)
        .map(|url| Wanted {
            role: ItemRole::Other,
            post: PostFacts {
                url: url.clone(),
                text: String::new(),
                spans: Vec::new(),
                media: Vec::new(),
                ..item.post.clone()
            },
            url,
            account: item.account.clone(),
            keep,
        })
        .collect()
}

/// The post that `item` answers or quotes, with what is known of it and nothing of the answer's.
fn referred(item: &CapturedItem, found: &Found) -> Option<Wanted> {
    let native_id = found.refers_to.as_ref()?;
    let url = post_of(&item.post.platform, native_id)?;
    let known = found.thread.iter().find(|post| post.native_id == *native_id);
    let post = PostFacts {
        platform: item.post.platform.clone(),
        native_id: native_id.clone(),
        url: url.clone(),
        posted_at: known.and_then(|post| post.posted_at),
        posted_as_shown: None,
        first_seen: item.post.first_seen,
        last_seen: item.post.last_seen,
        edited_at: None,
        deleted_seen_at: None,
        lang: String::new(),
        text: known.map(|post| post.text.clone()).unwrap_or_default(),
        spans: Vec::new(),
        media: Vec::new(),
        reach: None,
        copies: None,
    };
    Some(Wanted { role: ItemRole::Referred, url, post, account: AccountFacts::default(), keep: Keep::Page })
}

/// The page that a public interface names as the post's own, on the same server.
fn page_named_by(answer: &CapturedItem) -> Option<Wanted> {
    if answer.role != ItemRole::Referred || answer.response.media_type != "application/json" {
        return None;
    }
    let body: serde_json::Value = serde_json::from_slice(&answer.response.body).ok()?;
    let page = Url::parse(body.get("url")?.as_str()?).ok()?;
    let asked = Url::parse(&answer.response.url).ok()?;
    let same = page.host_str() == asked.host_str() && page.scheme() == asked.scheme() && page != asked;
    same.then(|| Wanted {
        role: ItemRole::Referred,
        url: page.to_string(),
        post: answer.post.clone(),
        account: answer.account.clone(),
        keep: Keep::Page,
    })
}

/// Addresses of posts on platforms that fix their form, by native id; elsewhere nothing is guessed.
fn post_of(platform: &str, native_id: &str) -> Option<String> {
    match platform {
        "bluesky" => {
            let (account, key) = native_id.strip_prefix("at://")?.split_once("/app.bsky.feed.post/")?;
            Some(format!("https://bsky.app/profile/{account}/post/{key}"))
        }
        "telegram" => Some(format!("https://t.me/{native_id}")),
        // The server's public interface, which names the page.
        "mastodon" => {
            let (host, id) = native_id.split_once('/')?;
            Some(format!("https://{host}/api/v1/statuses/{id}"))
        }
        "discourse" => Some(format!("https://{native_id}")),
        "lemmy" => Some(native_id.to_owned()).filter(|id| id.starts_with("https://")),
        _ => None,
    }
    .filter(|url| !url.contains(char::is_whitespace))
}

/// Profile addresses of platforms that fix their form; elsewhere nothing is guessed.
fn profile_of(platform: &str, native_id: &str, handle: &str) -> Option<String> {
    match platform {
        "bluesky" => Some(format!("https://bsky.app/profile/{native_id}")),
        "telegram" => Some(format!("https://t.me/s/{}", handle.trim_start_matches('@'))),
        "mastodon" => {
            let (name, host) = handle.trim_start_matches('@').split_once('@')?;
            Some(format!("https://{host}/@{name}"))
        }
        _ => None,
    }
    .filter(|url| !url.contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_fetched_as_the_policy_says() {
        let mut item = super::super::test_item(streife_domain::Timestamp::from_secs(1_783_166_400));
        let media = |media_type: &str, url: Option<&str>| Media {
            media_type: media_type.into(),
            url: url.map(str::to_owned),
            alt: None,
            ..Media::default()
        };
        item.post.media = vec![
            media("image", Some("https://netz.example/bild.jpg")),
            media("link", Some("https://netz.example/artikel")),
            media("video", Some("file:///etc/passwd")),
            media("audio", None),
        ];
        let urls = |policy| -> Vec<(String, Keep)> {
            wanted_media(&item, policy).into_iter().map(|wanted| (wanted.url, wanted.keep)).collect()
        };
        let picture = || "https://netz.example/bild.jpg".to_owned();
        assert_eq!(urls(MediaPolicy::Address), []);
        assert_eq!(urls(MediaPolicy::Hash), [(picture(), Keep::Hash)]);
        assert_eq!(urls(MediaPolicy::File), [(picture(), Keep::File)]);
    }

    #[test]
    fn a_post_with_a_barred_picture_is_secured_without_loading_anything() {
        let mut item = super::super::test_item(streife_domain::Timestamp::from_secs(1_783_166_400));
        let media = |banks| Media {
            media_type: "image".to_owned(),
            url: Some("https://netz.example/bild.jpg".to_owned()),
            banks,
            ..Media::default()
        };
        let known = |never_store| streife_domain::BankMatch {
            list: "list".to_owned(),
            category: None,
            distance: 3,
            never_store,
            priority: streife_domain::Priority::High,
        };
        for (never_store, loaded) in [(false, 2), (true, 0)] {
            item.post.media = vec![media(Vec::new()), media(vec![known(never_store)])];
            let wanted = wanted_media(&item, MediaPolicy::File);
            assert_eq!(loadable(&item, wanted).len(), loaded);
        }
    }

    #[test]
    fn profiles_are_known_for_platforms_that_fix_their_form() {
        let of = |platform, id, handle| profile_of(platform, id, handle).unwrap_or_default();
        assert_eq!(of("bluesky", "did:plc:x", "a.example"), "https://bsky.app/profile/did:plc:x");
        assert_eq!(of("mastodon", "1", "@a@social.example"), "https://social.example/@a");
        assert_eq!(of("mastodon", "1", "a"), "");
        assert_eq!(of("elsewhere", "1", "a"), "");
    }

    #[test]
    fn posts_are_found_where_the_platform_fixes_their_address() {
        let of = |platform, id| post_of(platform, id).unwrap_or_default();
        assert_eq!(
            of("bluesky", "at://did:plc:x/app.bsky.feed.post/3k"),
            "https://bsky.app/profile/did:plc:x/post/3k"
        );
        assert_eq!(of("telegram", "kanal/9"), "https://t.me/kanal/9");
        assert_eq!(of("mastodon", "social.example/17"), "https://social.example/api/v1/statuses/17");
        assert_eq!(of("lemmy", "https://lemmy.example/post/1"), "https://lemmy.example/post/1");
        assert_eq!((of("lemmy", "17"), of("elsewhere", "1")), (String::new(), String::new()));
    }
}
