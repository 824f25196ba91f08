//! The invented posts.

use streife_domain::{
    CampaignKey, EventKind, Head, Heads, Hit, Language, LegalLabel, Media, ModelVersions, PostChange, PostId,
    PostKind, Priority, Pseudonym, PseudonymousPost, Purpose, Reach, Reason, Script, Span, Timestamp,
    Verdict,
};

use crate::reader::{FlaggedItem, ModelMark, ThreadPost};

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
                text: Some("Suppe für alle".to_owned()),
                ..Media::default()
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
                    source: seed.source.to_owned(),
                    text: "Im Stadtgarten werden ab Montag die Beete neu angelegt.".to_owned(),
                    posted_at: Some(observed_at.plus_secs(-900)),
                },
                ThreadPost {
                    above: false,
                    source: seed.source.to_owned(),
                    text: "Na, das sehe ich anders, der Garten ist doch schön.".to_owned(),
                    posted_at: Some(observed_at.plus_secs(240)),
                },
            ]
        } else {
            Vec::new()
        },
    }
}
