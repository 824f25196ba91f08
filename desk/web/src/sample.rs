//! Invented, harmless posts: for tests, the demo and screenshots. Nobody wrote them and nobody is meant.

use async_trait::async_trait;
use streife_domain::{
    Author, CampaignKey, EventKind, Head, Heads, Hit, Identity, Language, LegalLabel, Media, ModelVersions,
    PostChange, PostId, PostKind, Priority, Pseudonym, PseudonymousPost, Purpose, Reach, Reason, Script,
    Span, Timestamp, Verdict,
};

use crate::lab::{BacktestFigures, History, Preview, PreviewHit, Progress, RuleText};
use crate::reader::{
    By, CampaignFigures, ExportFormat, ExportLabel, Figures, FlaggedItem, FlaggedReader, ModelMark,
    QueueFilter, ReadError, RuleDayFigures, RuleFigures, Series, SourceFigures, StageFigures, SystemFigures,
    ThreadPost, Trends,
};

/// A reader over invented posts.
pub struct SampleReader {
    items: Vec<FlaggedItem>,
    now: Timestamp,
}

impl SampleReader {
    /// Posts seen shortly before `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { items: sample_items(now), now }
    }

    /// With other items, for tests.
    pub fn with(items: Vec<FlaggedItem>, now: Timestamp) -> Self {
        Self { items, now }
    }
}

struct Seed {
    text: &'static str,
    found: &'static str,
    rule: &'static str,
    head: Head,
    score: f32,
    level: Priority,
    platform: &'static str,
    source: &'static str,
    language: &'static str,
    minutes: i64,
    copies: u64,
    views: u64,
}

const SEEDS: [Seed; 9] = [
    Seed {
        text: "Morgen um acht vor dem Rathaus von Musterstadt: Wer die Tomatenpartei wählt, der kriegt von uns einen faulen Kürbis vor die Tür gestellt. Verlasst euch drauf!",
        found: "faulen Kürbis vor die Tür",
        rule: "w-241-drohung",
        head: Head::Violence,
        score: 0.86,
        level: Priority::High,
        platform: "bluesky",
        source: "bluesky-jetstream",
        language: "de",
        minutes: 4,
        copies: 1,
        views: 18_400,
    },
    Seed {
        text: "Alle Teetrinker sind gleich, sie gehören nicht in unser Café. Weitersagen, bevor der Beitrag verschwindet!",
        found: "gehören nicht in unser Café",
        rule: "w-130-gruppe",
        head: Head::GroupHate,
        score: 0.93,
        level: Priority::High,
        platform: "telegram",
        source: "telegram-kanaele",
        language: "de",
        minutes: 11,
        copies: 37,
        views: 52_000,
    },
    Seed {
        text: "Der Bürgermeister von Beispielhausen ist eine alte Gießkanne und hat noch nie ein Beet von nahem gesehen.",
        found: "alte Gießkanne",
        rule: "w-188-amt",
        head: Head::Defamation,
        score: 0.62,
        level: Priority::Medium,
        platform: "mastodon",
        source: "mastodon-oeffentlich",
        language: "de",
        minutes: 23,
        copies: 2,
        views: 940,
    },
    Seed {
        text: "Kommt alle am Samstag, bringt Töpfe und Löffel mit, wir übertönen den Chor der Kaffeefreunde!",
        found: "Kommt alle am Samstag",
        rule: "w-111-aufruf",
        head: Head::CallToAction,
        score: 0.71,
        level: Priority::Medium,
        platform: "bluesky",
        source: "bluesky-jetstream",
        language: "de",
        minutes: 38,
        copies: 6,
        views: 3_100,
    },
    Seed {
        text: "They say the Garden Council was never elected. Time to take the watering cans back from them.",
        found: "take the watering cans back",
        rule: "w-ordnung-en",
        head: Head::AttackOnOrder,
        score: 0.55,
        level: Priority::Medium,
        platform: "bluesky",
        source: "bluesky-jetstream",
        language: "en",
        minutes: 52,
        copies: 3,
        views: 770,
    },
    Seed {
        text: "Ich zitiere nur den Unsinn von gestern: „Teetrinker raus aus dem Café“ – so etwas darf man nicht stehen lassen.",
        found: "Teetrinker raus",
        rule: "w-130-gruppe",
        head: Head::GroupHate,
        score: 0.48,
        level: Priority::Low,
        platform: "mastodon",
        source: "mastodon-oeffentlich",
        language: "de",
        minutes: 75,
        copies: 1,
        views: 120,
    },
    Seed {
        text: "Wieder so ein Kürbiskopf im Stadtrat. Wer hat den eigentlich gegossen?",
        found: "Kürbiskopf",
        rule: "w-185-person",
        head: Head::Offensive,
        score: 0.66,
        level: Priority::Low,
        platform: "rss",
        source: "kommentare-lokal",
        language: "de",
        minutes: 130,
        copies: 1,
        views: 60,
    },
    Seed {
        text: "Die Gurke mit der Nummer 4711 ist wieder da, ihr wisst, was das heißt.",
        found: "4711",
        rule: "w-86a-codes",
        head: Head::GroupHate,
        score: 0.41,
        level: Priority::Low,
        platform: "telegram",
        source: "telegram-kanaele",
        language: "de",
        minutes: 190,
        copies: 12,
        views: 8_800,
    },
    Seed {
        text: "Bu bahçede çay içenlere yer yok, herkese duyurun.",
        found: "çay içenlere yer yok",
        rule: "w-130-gruppe",
        head: Head::GroupHate,
        score: 0.58,
        level: Priority::Medium,
        platform: "bluesky",
        source: "bluesky-jetstream",
        language: "tr",
        minutes: 260,
        copies: 1,
        views: 410,
    },
];

/// The invented posts as flagged items.
pub fn sample_items(now: Timestamp) -> Vec<FlaggedItem> {
    SEEDS.iter().enumerate().map(|(n, seed)| item(n, seed, now)).collect()
}

fn item(n: usize, seed: &Seed, now: Timestamp) -> FlaggedItem {
    let start = seed.text.find(seed.found).unwrap_or(0);
    let span = Span(u32::try_from(start).unwrap_or(0), u32::try_from(start + seed.found.len()).unwrap_or(0));
    let word_end = seed.found.find(' ').map_or(span.1, |len| span.0 + u32::try_from(len).unwrap_or(0));
    let observed_at = now.plus_secs(-60 * seed.minutes);
    let mut scores: Heads<f32> = Heads::default();
    scores.set(seed.head, seed.score);
    scores.set(Head::Offensive, (seed.score + 0.05).min(0.99));
    scores.set(Head::Profanity, 0.12);
    let post_id = PostId::of(seed.platform, &format!("muster-{n}"));
    let deleted = n == 1;
    FlaggedItem {
        post: PseudonymousPost {
            post_id,
            source: seed.source.to_owned(),
            platform: seed.platform.to_owned(),
            author: Some(Pseudonym(0x51e1_fe00_0000_0000 + n as u64)),
            kind: if n == 2 { PostKind::Reply } else { PostKind::Post },
            text: seed.text.to_owned(),
            tags: if n == 3 { vec!["musterstadt".to_owned()] } else { Vec::new() },
            links: Vec::new(),
            posted_at: Some(observed_at.plus_secs(-9)),
            edited_at: None,
            observed_at,
            campaign: CampaignKey(0xca00_0000_0000_0000 + n as u64),
        },
        verdict: Verdict {
            language: Language { code: seed.language.to_owned(), confidence: 0.97, script: Script::LATIN },
            gate: Some(seed.score * 0.9),
            encoded: true,
            scores,
            labels: vec![seed.head],
            hits: vec![Hit {
                rule: seed.rule.to_owned(),
                version: 3,
                spans: vec![span],
                because: vec![Reason {
                    part: format!("\"{}\"", seed.found),
                    holds: true,
                    spans: vec![span],
                    parts: Vec::new(),
                }],
            }],
            priority: seed.level,
            models: ModelVersions {
                lid: "lid@5f1c0a9b2e77".to_owned(),
                gate: "gate@a1b2c3d4e5f6".to_owned(),
                encoder: "encoder@0f9e8d7c6b5a".to_owned(),
                rules: "rules@77aa55cc3311".to_owned(),
            },
        },
        media: if n == 3 {
            vec![Media {
                media_type: "image".to_owned(),
                url: None,
                alt: Some("Topf und Löffel auf einem Tisch".to_owned()),
            }]
        } else {
            Vec::new()
        },
        reach: Some(Reach {
            views: Some(seed.views),
            likes: Some(seed.views / 40),
            shares: Some(seed.views / 90),
            replies: None,
            followers: None,
        }),
        legal: Some(LegalLabel {
            purpose: Purpose::Demonstration,
            legal_basis: "Vorführdaten".to_owned(),
            review_by: "2027-01-31".to_owned(),
        }),
        copies: seed.copies,
        platforms: if seed.copies > 5 {
            vec![seed.platform.to_owned(), "mastodon".to_owned()]
        } else {
            vec![seed.platform.to_owned()]
        },
        changes: if deleted {
            vec![PostChange { post_id, event: EventKind::Delete, observed_at: observed_at.plus_secs(300) }]
        } else {
            Vec::new()
        },
        marks: vec![ModelMark { span: Span(span.0, word_end), head: seed.head, weight: 0.4 }],
        thread: if n == 2 {
            vec![
                ThreadPost {
                    above: true,
                    text: "Im Stadtgarten werden ab Montag die Beete neu angelegt.".to_owned(),
                    posted_at: Some(observed_at.plus_secs(-900)),
                },
                ThreadPost {
                    above: false,
                    text: "Na, das sehe ich anders, der Garten ist doch schön.".to_owned(),
                    posted_at: Some(observed_at.plus_secs(240)),
                },
            ]
        } else {
            Vec::new()
        },
    }
}

fn matches(item: &FlaggedItem, filter: &QueueFilter) -> bool {
    filter.level.is_none_or(|level| item.verdict.priority == level)
        && filter.language.as_ref().is_none_or(|code| item.verdict.language.code == *code)
        && filter.source.as_ref().is_none_or(|source| item.post.source == *source)
        && filter.head.is_none_or(|head| item.verdict.labels.contains(&head))
        && filter.rule.as_ref().is_none_or(|rule| item.verdict.hits.iter().any(|hit| hit.rule == *rule))
        && filter.campaign.is_none_or(|key| item.post.campaign.0 == key)
        && filter
            .words
            .as_ref()
            .is_none_or(|words| words.split_whitespace().all(|w| item.post.text.contains(w)))
        && (filter.sources.is_empty() || filter.sources.contains(&item.post.source))
}

#[async_trait]
impl FlaggedReader for SampleReader {
    async fn flagged(&self, filter: &QueueFilter, limit: usize) -> Result<Vec<FlaggedItem>, ReadError> {
        Ok(self.items.iter().filter(|item| matches(item, filter)).take(limit).cloned().collect())
    }

    async fn item(&self, id: PostId) -> Result<Option<FlaggedItem>, ReadError> {
        Ok(self.items.iter().find(|item| item.post.post_id == id).cloned())
    }

    async fn export(
        &self,
        filter: &QueueFilter,
        format: ExportFormat,
        label: &ExportLabel,
        with_text: bool,
    ) -> Result<Vec<u8>, ReadError> {
        let mut lines = String::new();
        for item in self.items.iter().filter(|item| matches(item, filter)) {
            let text = if with_text { item.post.text.as_str() } else { "" };
            let record = serde_json::json!({ "post": item.post.post_id.to_string(), "text": text, "format": format.as_str(),
                "label_purpose": label.purpose, "label_audit_entry": label.audit_entry });
            lines.push_str(&record.to_string());
            lines.push('\n');
        }
        Ok(lines.into_bytes())
    }

    async fn identity(&self, id: PostId) -> Result<Option<Identity>, ReadError> {
        let found = self.items.iter().find(|item| item.post.post_id == id);
        Ok(found.map(|item| Identity {
            native_id: "muster".to_owned(),
            url: Some(format!("https://{}.example/muster", item.post.platform)),
            author: Some(Author {
                id: "konto-muster".to_owned(),
                handle: Some("konto-muster.example".to_owned()),
                name: Some("Musterkonto".to_owned()),
            }),
        }))
    }
}

#[async_trait]
impl Figures for SampleReader {
    async fn campaigns(&self) -> Result<Vec<CampaignFigures>, ReadError> {
        let mut campaigns: Vec<CampaignFigures> = self
            .items
            .iter()
            .filter(|item| item.copies > 1)
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

    async fn trends(&self) -> Result<Trends, ReadError> {
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

/// Knows no rule language: every invented post with a word of the rule's first test text is a hit.
#[async_trait]
impl History for SampleReader {
    async fn preview(&self, text: &RuleText, _: Timestamp, limit: usize) -> Result<Preview, ReadError> {
        let hits = self.hits(text);
        Ok(Preview {
            posts: 52_311,
            hits: hits.len() as u64,
            complete: true,
            per_hour: (0..24).map(|hour| hour % 3).collect(),
            shown: hits.into_iter().take(limit).collect(),
        })
    }

    async fn backtest(
        &self,
        text: &RuleText,
        _: Timestamp,
        progress: Progress<'_>,
    ) -> Result<BacktestFigures, ReadError> {
        let hits = self.hits(text);
        progress(1_000, hits.len() as u64);
        Ok(BacktestFigures {
            set: "rules@invented".to_owned(),
            posts: 150_000,
            candidates: 900,
            hits: hits.len() as u64,
            sample: hits.iter().map(|hit| hit.post.post_id.to_string()).collect(),
            ..BacktestFigures::default()
        })
    }

    async fn posts(&self, ids: &[PostId]) -> Result<Vec<PseudonymousPost>, ReadError> {
        let wanted = self.items.iter().filter(|item| ids.contains(&item.post.post_id));
        Ok(wanted.map(|item| item.post.clone()).collect())
    }
}

impl SampleReader {
    fn hits(&self, text: &RuleText) -> Vec<PreviewHit> {
        let says = |word: &str| word.chars().count() > 4 && text.source.contains(word);
        let hit = |item: &FlaggedItem| PreviewHit {
            post: item.post.clone(),
            language: item.verdict.language.code.clone(),
            spans: item.verdict.hits.iter().flat_map(|hit| hit.spans.clone()).collect(),
        };
        self.items.iter().filter(|item| item.post.text.split_whitespace().any(says)).map(hit).collect()
    }
}
