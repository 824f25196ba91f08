//! Figures that somebody made up.

use async_trait::async_trait;
use streife_cases::calibration::Score;
use streife_cases::tenant::SourceScope;
use streife_domain::{Head, PostId};

use super::SampleReader;
use crate::reader::{
    By, CampaignFigures, Figures, FlaggedItem, QueueFilter, ReadError, RuleDayFigures, RuleFigures, Series,
    SourceFigures, StageFigures, SystemFigures, Trends,
};

#[async_trait]
impl Figures for SampleReader {
    async fn campaigns(&self, sources: &SourceScope) -> Result<Vec<CampaignFigures>, ReadError> {
        let mut campaigns: Vec<CampaignFigures> = self
            .items
            .iter()
            .filter(|item| item.copies > 1 && sources.contains(&item.post.source))
            .map(|item| CampaignFigures {
                key: item.post.campaign.0,
                posts: item.copies,
                accounts: item.copies.div_ceil(2),
                platforms: item.platforms.clone(),
                first_seen: item.post.observed_at.plus_secs(-9 * 3_600),
                last_seen: item.post.observed_at,
                level: item.verdict.priority,
                labels: item.verdict.labels.clone(),
                per_hour: (0..24).map(|h| if h > 14 { item.copies * (h - 13) / 60 } else { h % 2 }).collect(),
            })
            .collect();
        campaigns.sort_by_key(|campaign| std::cmp::Reverse(campaign.posts));
        Ok(campaigns)
    }

    async fn trends(&self, _: &SourceScope) -> Result<Trends, ReadError> {
        let wave =
            |h: u64, top: u64| top / 3 + (top * (h % 24).min(24 - h % 24)) / 14 + (h * 7919 % 11) * top / 90;
        let count = |pairs: &[(&str, u64)]| pairs.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        Ok(Trends {
            flagged_per_hour: (0..48).map(|h| wave(h, 40)).collect(),
            posts_per_hour: (0..48).map(|h| wave(h + 3, 52_000)).collect(),
            by_source: count(&[
                ("bluesky-jetstream", 912),
                ("telegram-kanaele", 341),
                ("mastodon-oeffentlich", 207),
                ("kommentare-lokal", 58),
            ]),
            by_language: count(&[("de", 1_204), ("en", 190), ("tr", 71), ("und", 53)]),
            by_head: count(&[
                ("group_hate", 604),
                ("offensive", 511),
                ("violence", 133),
                ("defamation", 121),
                ("attack_on_order", 84),
                ("call_to_action", 65),
            ]),
            by_rule: count(&[
                ("w-130-gruppe", 402),
                ("w-86a-codes", 377),
                ("w-188-amt", 150),
                ("w-241-drohung", 96),
                ("w-111-aufruf", 61),
            ]),
        })
    }

    async fn series(&self, filter: &QueueFilter, hours: u32, by: By) -> Result<Vec<Series>, ReadError> {
        let names: &[&str] = match by {
            By::Head => &["group_hate", "violence", "offensive"],
            By::Source => &["bluesky-jetstream", "mastodon-oeffentlich"],
            By::Platform => &["bluesky", "mastodon"],
            By::Language => &["de", "en"],
            By::Rule => &["w-130-gruppe", "w-86a-codes"],
        };
        let hours = u64::from(hours) + 1;
        let wave = |n: u64, h: u64| (h % 24).min(24 - h % 24) / (n + 1) + (h * 7_919 + n * 31) % 3;
        let series = (0u64..).zip(names).map(|(n, name)| {
            let late = |h: u64| if n == 1 && h + 3 > hours { 40 } else { 0 };
            Series { name: (*name).to_owned(), per_hour: (0..hours).map(|h| wave(n, h) + late(h)).collect() }
        });
        Ok(series.filter(|_| filter.language.as_deref() != Some("xx")).collect())
    }

    async fn rule(&self, _id: &str) -> Result<RuleFigures, ReadError> {
        let day = |back: i64| self.now.plus_secs(-back * 86_400).to_string().chars().take(10).collect();
        let hits = [3, 5, 2, 8, 6, 4, 7, 9, 5, 6, 8, 7, 5, 41];
        let days =
            hits.iter().zip((0..14).rev()).map(|(hits, back)| RuleDayFigures { day: day(back), hits: *hits });
        Ok(RuleFigures { days: days.collect(), odd: true })
    }

    async fn scores(&self, posts: &[PostId]) -> Result<Vec<Score>, ReadError> {
        let asked = |item: &&FlaggedItem| posts.contains(&item.post.post_id);
        let of = |item: &FlaggedItem| {
            let (post_id, language) = (item.post.post_id.to_string(), item.verdict.language.code.clone());
            let model = item.verdict.models.encoder.clone();
            let score = move |(head, value): (Head, &f32)| Score {
                post_id: post_id.clone(),
                model: model.clone(),
                language: language.clone(),
                head,
                probability: f64::from(*value),
            };
            item.verdict.scores.iter().map(score).collect::<Vec<_>>()
        };
        Ok(self.items.iter().filter(asked).flat_map(of).collect())
    }

    fn connector(&self, source: &str) -> Option<String> {
        source.split('-').next().map(str::to_owned)
    }

    async fn system(&self) -> Result<SystemFigures, ReadError> {
        let stage = |name: &str, input, output, dropped, dead, lag| StageFigures {
            name: name.to_owned(),
            input,
            output,
            dropped,
            dead,
            lag,
            healthy: true,
        };
        let source = |name: &str, last_hour, state, basis: &str| SourceFigures {
            name: name.to_owned(),
            last_hour,
            last_seen: (state == "on").then(|| self.now.plus_secs(-2)),
            state,
            legal_basis: basis.to_owned(),
        };
        Ok(SystemFigures {
            stages: vec![
                stage("collect", 1_204_331, 1_204_319, 0, 12, 0),
                stage("score", 1_204_319, 822_904, 381_398, 17, 240),
                stage("store", 822_904, 822_664, 0, 0, 240),
            ],
            sources: vec![
                source("bluesky-jetstream", 41_882, "on", "Vorführdaten"),
                source("mastodon-oeffentlich", 2_204, "on", "Vorführdaten"),
                source("kommentare-lokal", 311, "failing", "Vorführdaten"),
                source("telegram-kanaele", 908, "on", "Vorführdaten"),
                source("x-stream", 0, "not_licensed", ""),
                source("tiktok-research", 0, "not_licensed", ""),
            ],
            dead: vec![
                ("bad_json".to_owned(), 19),
                ("too_large".to_owned(), 7),
                ("empty_text".to_owned(), 3),
            ],
            versions: vec![
                ("lid".to_owned(), "lid@5f1c0a9b2e77".to_owned()),
                ("gate".to_owned(), "gate@a1b2c3d4e5f6".to_owned()),
                ("encoder".to_owned(), "encoder@0f9e8d7c6b5a".to_owned()),
                ("rules".to_owned(), "rules@77aa55cc3311".to_owned()),
            ],
        })
    }
}
