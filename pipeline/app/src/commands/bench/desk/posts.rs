//! A million flagged posts with their identities, made by ClickHouse itself, and earlier decisions on some.

use streife_cases::role::Role;
use streife_cases::store::{CaseStore, NewItem};
use streife_cases::workflow::{Actor, DismissReason, Move};
use streife_store::queries::{HeadOrder, QueueFilter};
use streife_store::{Store, StoreConfig};

use super::super::backtest::statement;
use crate::failure::Failure;
use crate::open;

/// Posts that one statement makes.
const CHUNK: u64 = 100_000;
/// Within so many days they were seen.
const DAYS: u32 = 30;

pub(super) async fn fill(config: &StoreConfig, posts: u64) -> Result<(), Failure> {
    for from in (0..posts).step_by(usize::try_from(CHUNK).unwrap_or(usize::MAX)) {
        statement(config, &flagged(from, CHUNK.min(posts - from))).await?;
        statement(config, &identities(from, CHUNK.min(posts - from))).await?;
    }
    Ok(())
}

/// The id of post `number`, as scattered as real ones.
const ID: &str = "bitOr(bitShiftLeft(toUInt128(cityHash64(number)), 64), toUInt128(cityHash64(number, 1)))";

fn flagged(from: u64, count: u64) -> String {
    let seconds = DAYS * 86_400;
    format!(
        "INSERT INTO flagged_posts (post_id, source, platform, author, kind, text, posted_at, observed_at, campaign, language, \
         language_confidence, script, encoded, scores, labels, rules, hits, priority, model_lid, model_gate, model_encoder, \
         model_rules, media, views, followers, partition, offset, version) \
         SELECT {ID}, concat('bench-', toString(number % 40)), 'bluesky', cityHash64(number, 2) % 300000, 'post', \
         arrayStringConcat(arrayMap(i -> concat('worda', toString(100 + toUInt32(exp(10.3 * \
           (cityHash64(number * 64 + i) % 1000000) / 1e6)))), range(28 + number % 20)), ' '), \
         now64(6) - toIntervalSecond(cityHash64(number, 3) % {seconds}), \
         now64(6) - toIntervalSecond(cityHash64(number, 3) % {seconds}) AS seen, \
         if(number % 10 = 0, number % 20000, cityHash64(number, 4)), \
         ['de', 'de', 'de', 'en', 'tr'][1 + number % 5], 0.9, 'Latn', true, \
         map('group_hate', (cityHash64(number, 5) % 1000) / 1000, 'violence', (cityHash64(number, 6) % 1000) / 1000), \
         if(number % 3 = 0, ['violence'], ['group_hate']), [], '[]', \
         ['low', 'low', 'low', 'medium', 'medium', 'high'][1 + number % 6], 'none', 'none', 'none', 'none', '[]', \
         cityHash64(number, 7) % 100000, cityHash64(number, 8) % 20000, 0, number, toUnixTimestamp64Micro(seen) * 2 + 1 \
         FROM numbers({from}, {count})"
    )
}

/// One in four answers another.
fn identities(from: u64, count: u64) -> String {
    format!(
        "INSERT INTO flagged_identities (post_id, native_id, url, author_id, author_handle, author_name, reply_to, quote_of, \
         raw, raw_sha256, version) \
         SELECT {ID}, concat('at://', toString(number)), NULL, toString(cityHash64(number, 2) % 300000), NULL, NULL, \
         if(number % 4 = 0, concat('at://', toString(number - 1)), NULL), NULL, repeat('x', 400), '', 1 FROM numbers({from}, {count})"
    )
}

/// Decides the longest-waiting `count` posts, as earlier days did.
pub(super) async fn decide_earlier(store: &Store, cases: &CaseStore, count: usize) -> Result<(), Failure> {
    let actor = Actor::new("earlier", Role::Reviewer);
    let limit = u32::try_from(count).unwrap_or(u32::MAX);
    for entry in store.head(&QueueFilter::default(), HeadOrder::Oldest, limit).await? {
        let post_id = entry.post_id.to_string();
        let item = NewItem {
            post_id: post_id.clone(),
            campaign: "0".to_owned(),
            queue: "triage".to_owned(),
            ..NewItem::default()
        };
        let now = open::clock().now();
        cases.claim(&item, &actor, now).await?;
        let dismissed = Move::Dismiss { reason: DismissReason::Opinion };
        cases.apply(&post_id, actor.clone(), dismissed, now).await?;
    }
    Ok(())
}
