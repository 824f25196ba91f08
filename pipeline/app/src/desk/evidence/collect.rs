//! Collects what is to be secured of a case: the post from the bytes in the store, and its pages from the network.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use streife_cases::ledger::Note;
use streife_cases::store::CaseStore;
use streife_cases::workflow::Case;
use streife_domain::{Clock, PostId};
use streife_evidence::{CapturedItem, ItemRole};
use streife_referral::found::Circumstances;
use streife_referral::{Collected, Collector, Found};
use streife_store::Store;

use super::pages::Pages;
use super::sntp;
use crate::config::EvidenceSection;

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
    async fn found(&self, post: PostId) -> Result<Found, String> {
        let said = |error: streife_store::StoreError| error.to_string();
        let gone = || "der Beitrag ist nicht mehr in der Datenbank".to_owned();
        let item = self.store.item(post).await.map_err(said)?.ok_or_else(gone)?;
        let who = self.store.identity(post).await.map_err(said)?.ok_or_else(gone)?;
        let changes = self.store.changes(post).await.map_err(said)?;
        let members = self.store.campaign_members(item.post.campaign).await.map_err(said)?;
        let mut platforms: Vec<String> = members.iter().map(|member| member.source.clone()).collect();
        platforms.push(item.post.source.clone());
        platforms.sort();
        platforms.dedup();
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
            refers_to: who.reply_to.or(who.quote_of),
            changes,
            copies: members.len().max(1) as u64,
            platforms,
            rule_titles,
            thread: Vec::new(),
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
        let found = self.found(post).await?;
        let circumstances = self.circumstances(by).await;
        let mut captures = Vec::new();
        if let Some(pages) = &self.pages {
            let facts = found.capture(&circumstances).map_err(|error| error.to_string())?;
            let wanted = wanted_pages(&facts);
            captures = pages.capture_all(&facts, &wanted, &circumstances).await;
        }
        Ok(Collected { found, circumstances, captures })
    }
}

/// Post page and profile page, as far as their addresses are known.
fn wanted_pages(item: &CapturedItem) -> Vec<(ItemRole, String)> {
    let public = |url: &str| url.starts_with("https://") || url.starts_with("http://");
    let mut wanted = Vec::new();
    if public(&item.post.url) {
        wanted.push((ItemRole::Page, item.post.url.clone()));
    }
    let profile = Some(item.account.profile_url.clone()).filter(|url| public(url));
    let profile =
        profile.or_else(|| profile_of(&item.post.platform, &item.account.native_id, &item.account.handle));
    wanted.extend(profile.map(|url| (ItemRole::Profile, url)));
    wanted
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
    fn profiles_are_known_for_platforms_that_fix_their_form() {
        let of = |platform, id, handle| profile_of(platform, id, handle).unwrap_or_default();
        assert_eq!(of("bluesky", "did:plc:x", "a.example"), "https://bsky.app/profile/did:plc:x");
        assert_eq!(of("mastodon", "1", "@a@social.example"), "https://social.example/@a");
        assert_eq!(of("mastodon", "1", "a"), "");
        assert_eq!(of("elsewhere", "1", "a"), "");
    }
}
