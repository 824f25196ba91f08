//! What analysts ask, against the real engine: series, exports in three formats, threads.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::*;
use streife_domain::*;
use streife_store::queries::{Dimension, ExportFormat, ExportLabel, QueueFilter};
use streife_store::*;

async fn filled() -> Option<Store> {
    let (store, _) = fresh_store().await?;
    let noon = time("2026-07-04T12:00:00Z");
    let mut batcher = Batcher::new(BatchLimits { rows: usize::MAX, ..BatchLimits::default() });
    for offset in 0..30 {
        let post =
            post(&offset.to_string(), &format!("word{offset}, \"quoted\""), noon.plus_secs(offset * 600));
        let verdict = verdict(Priority::Medium);
        let mut rows = Rows::of_scored(&scored(offset, &post, &verdict));
        let mut flagged = flagged(offset, &post, &verdict);
        flagged.identity.native_id = offset.to_string();
        flagged.reply_to = (offset > 0).then(|| "0".to_owned());
        rows.extend(Rows::of_flagged(&flagged, raw()));
        let at = LogPosition { topic: "posts.flagged".to_owned(), partition: 0, offset };
        batcher.push(at, rows, 10, noon);
    }
    let batch = batcher.take().unwrap();
    store.write(&batch, &batch.token()).await.unwrap();
    Some(store)
}

fn label() -> ExportLabel {
    ExportLabel {
        purpose: "Lagebild; it's a test, \"quoted\"".to_owned(),
        legal_basis: "none".to_owned(),
        review_by: "2026-12-01".to_owned(),
        audit_entry: "abc".to_owned(),
    }
}

#[tokio::test]
async fn an_export_has_every_post_once_each_with_its_label_and_no_identity() {
    let Some(store) = filled().await else { return };
    let all = QueueFilter::default();
    let lines = store.export(&all, ExportFormat::JsonLines, &label(), true).await.unwrap();
    let records: Vec<serde_json::Value> =
        String::from_utf8(lines).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 30);
    for record in &records {
        assert_eq!(record["label_purpose"], label().purpose.as_str());
        assert_eq!(record["post"].as_str().unwrap().len(), 32);
        assert!(record["text"].as_str().unwrap().starts_with("word"));
        assert!(
            record.get("native_id").is_none()
                && record.get("url").is_none()
                && record.get("author_id").is_none()
        );
    }
    let csv =
        String::from_utf8(store.export(&all, ExportFormat::Csv, &label(), false).await.unwrap()).unwrap();
    assert!(csv.starts_with("\"post\",") && csv.lines().count() == 31, "{csv}");
    assert!(!csv.contains("word1"), "the text was not asked for");
    let parquet = store.export(&all, ExportFormat::Parquet, &label(), true).await.unwrap();
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    let none = QueueFilter { rule: Some("'; DROP TABLE x".to_owned()), ..QueueFilter::default() };
    assert!(store.export(&none, ExportFormat::JsonLines, &label(), true).await.unwrap().is_empty());
}

#[tokio::test]
async fn series_count_every_flagged_post_in_its_hour() {
    let Some(store) = filled().await else { return };
    let points = store.flagged_series(&QueueFilter::default(), Dimension::Source).await.unwrap();
    assert_eq!(points.iter().map(|point| point.posts).sum::<u64>(), 30);
    assert_eq!(points.len(), 5, "six posts an hour");
    for by in [Dimension::Platform, Dimension::Language, Dimension::Head, Dimension::Rule] {
        store.flagged_series(&QueueFilter::default(), by).await.unwrap();
    }
}

#[tokio::test]
async fn a_thread_is_what_a_post_answers_and_what_answers_it() {
    let Some(store) = filled().await else { return };
    let first = post("0", "", Timestamp::default());
    let answers = store.thread(first.post_id, &first.platform).await.unwrap();
    assert_eq!(answers.len(), 20, "a bound");
    assert!(answers.iter().all(|near| !near.above && near.text.starts_with("word")));
    let one = store.thread(answers[0].post_id, &first.platform).await.unwrap();
    assert_eq!(one.len(), 1);
    assert!(one[0].above && one[0].post_id == first.post_id);
    assert!(store.thread(PostId(7), &first.platform).await.unwrap().is_empty());
}
