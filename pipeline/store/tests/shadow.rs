//! Rules in shadow are counted and file nothing.

mod common;

use common::{fresh_store, post, scored, time, verdict};
use streife_domain::Priority;
use streife_store::{BatchLimits, Batcher, LogPosition, Rows};

#[tokio::test]
async fn a_shadow_rule_is_counted_by_day_and_flags_nothing() {
    let Some((store, _)) = fresh_store().await else { return };
    let noon = time("2026-07-04T12:00:00Z");
    let mut record = scored(1, &post("p", "some words", noon), &verdict(Priority::None));
    record.shadow_rules = vec!["in-shadow".to_owned()];
    let mut batcher = Batcher::new(BatchLimits::default());
    let at = LogPosition { topic: "posts.scored".to_owned(), partition: 0, offset: 1 };
    batcher.push(at, Rows::of_scored(&record), 1, noon);
    let batch = batcher.take().unwrap();
    store.write(&batch, &batch.token()).await.unwrap();

    let days = store.rule_hits(Some("in-shadow"), noon).await.unwrap();
    assert_eq!(days.iter().map(|day| day.posts).collect::<Vec<_>>(), [1]);
    assert_eq!(store.item(record.post.unwrap().post_id).await.unwrap(), None);
}
