//! The store against the real engine: migrations, repeated delivery, queries, retention, erasure.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::*;
use streife_domain::*;
use streife_store::engine::Engine;
use streife_store::queries::{Prefilter, QueueFilter, QueueOrder, SummaryScope};
use streife_store::*;

fn at(topic: &str, offset: i64) -> LogPosition {
    LogPosition { topic: topic.to_owned(), partition: 0, offset }
}

fn noon() -> Timestamp {
    time("2026-07-04T12:00:00Z")
}

/// `count` posts, each third flagged, as (rows, offset) in the order of the log.
fn delivered(count: i64) -> Vec<Rows> {
    (0..count)
        .map(|offset| {
            let priority = [Priority::None, Priority::None, Priority::Medium][offset as usize % 3];
            let post = post(&offset.to_string(), &format!("word{offset} common"), noon().plus_secs(offset));
            let verdict = verdict(priority);
            let mut rows = Rows::of_scored(&scored(offset, &post, &verdict));
            if verdict.is_flagged() {
                rows.extend(Rows::of_flagged(&flagged(offset, &post, &verdict), raw()));
            }
            rows
        })
        .collect()
}

async fn write_in_batches(store: &Store, rows: &[Rows], from: usize, per_batch: usize) {
    let mut batcher = Batcher::new(BatchLimits { rows: usize::MAX, ..BatchLimits::default() });
    for (offset, rows) in rows.iter().enumerate().skip(from) {
        batcher.push(at("posts.scored", offset as i64), rows.clone(), 10, noon());
        if batcher.pending_records() == per_batch {
            let batch = batcher.take().unwrap();
            store.write(&batch, &batch.token()).await.unwrap();
        }
    }
    if let Some(batch) = batcher.take() {
        store.write(&batch, &batch.token()).await.unwrap();
    }
}

/// So that doubles stay visible.
async fn stop_merges(client: &clickhouse::Client) {
    for table in Table::ALL {
        client.query_raw(&format!("SYSTEM STOP MERGES {}", table.as_str())).execute().await.unwrap();
    }
}

async fn raw_count(client: &clickhouse::Client, table: &str) -> u64 {
    client.query(&format!("SELECT count() FROM {table}")).fetch_one().await.unwrap()
}

#[tokio::test]
async fn migrations_apply_once_and_a_changed_one_is_refused() {
    let Some((store, _)) = fresh_store().await else { return };
    let again = store.migrate().await.unwrap();
    assert_eq!((again.applied.len(), again.known.len()), (0, MIGRATIONS.len()));
    let mut changed = MIGRATIONS;
    changed[0].sql = "SELECT 1;\n";
    let error = store.migrate_with(&changed).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::MigrationChanged { name, .. } if name == MIGRATIONS[0].name),
        "{error}"
    );
}

#[tokio::test]
async fn columns_of_rows_are_columns_of_tables() {
    let Some((_, client)) = fresh_store().await else { return };
    let columns_of = [
        ("recent_posts", <RecentPostRow as clickhouse::Row>::COLUMN_NAMES),
        ("flagged_posts", <FlaggedPostRow as clickhouse::Row>::COLUMN_NAMES),
        ("flagged_identities", <IdentityRow as clickhouse::Row>::COLUMN_NAMES),
        ("hits", <HitRow as clickhouse::Row>::COLUMN_NAMES),
        ("scores", <ScoreRow as clickhouse::Row>::COLUMN_NAMES),
        ("post_changes", <PostChangeRow as clickhouse::Row>::COLUMN_NAMES),
        ("outcomes", <OutcomeRow as clickhouse::Row>::COLUMN_NAMES),
    ];
    for (table, fields) in columns_of {
        let columns: Vec<String> = client
            .query(
                "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {t:String} \
                 AND default_kind = '' ORDER BY position",
            )
            .param("t", table)
            .fetch_all()
            .await
            .unwrap();
        assert_eq!(columns, fields, "{table}");
    }
}

#[tokio::test]
async fn a_batch_written_twice_is_there_once() {
    let Some((store, client)) = fresh_store().await else { return };
    stop_merges(&client).await;
    let rows = delivered(90);
    write_in_batches(&store, &rows, 0, 90).await;
    write_in_batches(&store, &rows, 0, 90).await;
    // Physically, before any merge: the token was recognised.
    assert_eq!(raw_count(&client, "recent_posts").await, 90);
    assert_eq!(raw_count(&client, "flagged_posts").await, 30);
    assert_eq!(raw_count(&client, "outcomes").await, 90);
}

#[tokio::test]
async fn delivery_with_other_borders_changes_nothing_that_is_read() {
    let Some((store, client)) = fresh_store().await else { return };
    stop_merges(&client).await;
    let rows = delivered(100);
    write_in_batches(&store, &rows, 0, 17).await;
    write_in_batches(&store, &rows, 30, 23).await;
    write_in_batches(&store, &rows, 0, 100).await;
    assert!(
        raw_count(&client, "outcomes").await > 100,
        "the borders differ, so rows are there more than once"
    );
    let summary = store.summary(&SummaryScope::All).await.unwrap();
    assert_eq!(
        (summary.accepted, summary.stored, summary.flagged, summary.flagged_posts),
        (100, 100, 33, 33)
    );
    for table in ["recent_posts", "flagged_posts", "flagged_identities", "hits", "scores", "outcomes"] {
        let expected = match table {
            "recent_posts" | "outcomes" => 100,
            "scores" => 66,
            _ => 33,
        };
        let counted: u64 =
            client.query(&format!("SELECT count() FROM {table} FINAL")).fetch_one().await.unwrap();
        assert_eq!(counted, expected, "{table}");
    }
}

#[tokio::test]
async fn the_summary_adds_up_within_its_scope() {
    let Some((store, _)) = fresh_store().await else { return };
    let mut rows = delivered(10);
    for (offset, reason) in (10..).zip([DropReason::Duplicate, DropReason::Duplicate, DropReason::NoText]) {
        let mut record = scored(offset, &post("x", "", noon()), &verdict(Priority::None));
        (record.post, record.verdict, record.outcome) = (None, None, Outcome::Dropped(reason));
        rows.push(Rows::of_scored(&record));
    }
    rows.push(Rows::of_dead(&DeadNotice {
        position: Position { partition: 0, offset: 13 },
        code: RejectCode::BadJson,
        source: String::new(),
        observed_at: noon(),
    }));
    write_in_batches(&store, &rows, 0, 5).await;
    let all = store.summary(&SummaryScope::All).await.unwrap();
    assert_eq!((all.accepted, all.stored), (14, 10));
    assert_eq!(all.dropped, [("duplicate".to_owned(), 2), ("no_text".to_owned(), 1)].into());
    assert_eq!(all.dead, [("bad_json".to_owned(), 1)].into());
    assert_eq!(all.accepted, all.stored + all.dropped.values().sum::<u64>() + all.dead.values().sum::<u64>());
    let late = store.summary(&SummaryScope::From(vec![(0, 11), (5, 3)])).await.unwrap();
    assert_eq!((late.accepted, late.stored), (3, 0));
    let rates = store.source_rates(noon()).await.unwrap();
    assert_eq!(rates.iter().map(|rate| rate.records).sum::<u64>(), 14);
    // Counting again changes nothing, and the counters say the same as the ledger.
    store.roll_up(noon()).await.unwrap();
    store.roll_up(noon().plus_secs(3_600)).await.unwrap();
    let counters = store.counters(noon()).await.unwrap();
    assert_eq!(counters, rates);
}

#[tokio::test]
async fn an_item_comes_back_as_it_was_and_an_edit_replaces_it() {
    let Some((store, _)) = fresh_store().await else { return };
    let first = flagged(1, &post("p", "first words", noon()), &verdict(Priority::Low));
    let mut edited = flagged(2, &post("p", "second words", noon().plus_secs(60)), &verdict(Priority::High));
    edited.post.edited_at = Some(noon().plus_secs(50));
    let id = first.post.post_id;
    // The edit is written first: the order of arrival does not matter.
    for record in [&edited, &first] {
        let mut batcher = Batcher::new(BatchLimits::default());
        batcher.push(at("posts.flagged", record.position.offset), Rows::of_flagged(record, raw()), 1, noon());
        let batch = batcher.take().unwrap();
        store.write(&batch, &batch.token()).await.unwrap();
    }
    let item = store.item(id).await.unwrap().unwrap();
    assert_eq!(item.post, edited.post);
    assert_eq!(item.verdict, edited.verdict);
    assert_eq!((item.media, item.reach, item.legal), (edited.media, edited.reach, edited.legal));
    assert_eq!(item.position, edited.position);
    let identity = store.identity(id).await.unwrap().unwrap();
    assert_eq!(identity.identity, edited.identity);
    assert_eq!((identity.raw, identity.raw_sha256), (raw(), edited.raw_sha256));
    assert_eq!(store.item(PostId(1)).await.unwrap(), None);
    let hits = store.rule_hits(Some("rule-a"), noon()).await.unwrap();
    assert_eq!(hits.iter().map(|day| day.posts).sum::<u64>(), 1);
}

#[tokio::test]
async fn the_queue_pages_through_everything_once() {
    let Some((store, _)) = fresh_store().await else { return };
    let mut rows = Vec::new();
    for n in 0..25i64 {
        let mut verdict = verdict([Priority::Low, Priority::Medium, Priority::High][n as usize % 3]);
        if n % 2 == 0 {
            verdict.language.code = "en".to_owned();
        }
        // Five share one time, so that the tie is broken by identity.
        let post = post(&n.to_string(), &format!("Straße word{n} common"), noon().plus_secs(n / 5));
        rows.push(Rows::of_flagged(&flagged(n, &post, &verdict), raw()));
    }
    write_in_batches(&store, &rows, 0, 10).await;
    for order in [QueueOrder::Newest, QueueOrder::Severity] {
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = store.queue(&QueueFilter::default(), order, after, 7).await.unwrap();
            seen.extend(page.items.iter().map(|i| (i.verdict.priority, i.post.observed_at, i.post.post_id)));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 25, "{order:?}");
        let sorted = match order {
            QueueOrder::Newest => seen.is_sorted_by_key(|(_, at, id)| std::cmp::Reverse((*at, *id))),
            QueueOrder::Severity => seen.is_sorted_by_key(|key| std::cmp::Reverse(*key)),
        };
        assert!(sorted, "{order:?}");
    }
    let count = async |filter: QueueFilter| {
        let page = store.queue(&filter, QueueOrder::Newest, None, 100).await.unwrap();
        assert_eq!(page.items.len() as u64, store.queue_size(&filter).await.unwrap());
        page.items.len()
    };
    let any = QueueFilter::default;
    assert_eq!(count(QueueFilter { at_least: Some(Priority::High), ..any() }).await, 8);
    assert_eq!(count(QueueFilter { language: Some("en".to_owned()), ..any() }).await, 13);
    assert_eq!(count(QueueFilter { words: Some("common word7".to_owned()), ..any() }).await, 1);
    assert_eq!(count(QueueFilter { words: Some("Straße".to_owned()), ..any() }).await, 25);
    assert_eq!(count(QueueFilter { words: Some("'; DROP".to_owned()), ..any() }).await, 0);
    assert_eq!(count(QueueFilter { label: Some(Head::Offensive), ..any() }).await, 25);
    assert_eq!(count(QueueFilter { rule: Some("other".to_owned()), ..any() }).await, 0);
    assert_eq!(
        count(QueueFilter {
            campaign: Some(CampaignKey(0xabc)),
            source: Some("test-source".to_owned()),
            ..any()
        })
        .await,
        25
    );
    assert_eq!(count(QueueFilter { since: Some(noon().plus_secs(4)), ..any() }).await, 5);
    assert_eq!(count(QueueFilter { until: Some(noon().plus_secs(1)), ..any() }).await, 5);
}

#[tokio::test]
async fn campaigns_changes_and_history_are_read() {
    let Some((store, _)) = fresh_store().await else { return };
    let mut rows = delivered(30);
    let gone = PostChange {
        post_id: PostId::of("testnet", "2"),
        event: EventKind::Delete,
        observed_at: noon().plus_secs(99),
    };
    let mut record = scored(30, &post("2", "", noon()), &verdict(Priority::None));
    (record.post, record.verdict, record.change) = (None, None, Some(gone.clone()));
    rows.push(Rows::of_scored(&record));
    write_in_batches(&store, &rows, 0, 31).await;

    let members = store.campaign_members(CampaignKey(0xabc)).await.unwrap();
    assert_eq!(members.len(), 30);
    assert_eq!(store.campaign_size(CampaignKey(0xabc)).await.unwrap(), 30);
    assert_eq!(store.campaign_size(CampaignKey(0xabd)).await.unwrap(), 0);
    assert_eq!(members.iter().filter(|m| m.priority == Priority::Medium).count(), 10);
    let spread = store.campaign_spread(CampaignKey(0xabc)).await.unwrap();
    assert_eq!((spread.len(), spread[0].posts, spread[0].authors, spread[0].sources), (1, 30, 1, 1));
    assert_eq!(spread[0].hour, u32::try_from(noon().as_secs()).unwrap());

    assert_eq!(store.changes(gone.post_id).await.unwrap(), [gone]);
    assert_eq!(store.roll_up(noon()).await.unwrap().kept_changes, 1);
    assert_eq!(store.roll_up(noon()).await.unwrap().kept_changes, 0);

    let mut texts = Vec::new();
    let all = Prefilter::default();
    let read = store
        .recent_posts(noon().plus_secs(10), &all, &mut |post| {
            texts.push(post.post.text);
            true
        })
        .await
        .unwrap();
    assert_eq!((read, texts.len()), (20, 20));
    let some = Prefilter {
        sql: "hasToken(text, {w:String}) AND text != '?'".to_owned(),
        parameters: vec![("w".to_owned(), "word17".to_owned())],
    };
    assert_eq!(store.recent_posts(noon(), &some, &mut |_| true).await.unwrap(), 1);

    // The index over words answers for rules; a post folded by nobody, or by another version, is known as such.
    let words = Prefilter { sql: "hasAllTokens(words, ['word17'])".to_owned(), parameters: Vec::new() };
    assert_eq!(store.recent_posts(noon(), &words, &mut |_| true).await.unwrap(), 1);
    assert!(store.recent_words_are_of(1, noon()).await.unwrap());
    assert!(!store.recent_words_are_of(2, noon()).await.unwrap());
    let mut unfolded = scored(32, &post("32", "word32", noon()), &verdict(Priority::None));
    unfolded.words = None;
    write_in_batches(&store, &[Rows::of_scored(&unfolded)], 0, 1).await;
    assert!(!store.recent_words_are_of(1, noon()).await.unwrap());
    assert!(store.recent_words_are_of(1, noon().plus_secs(1)).await.unwrap());

    let state = store.system_state().await.unwrap();
    assert!(state.disk_free_bytes > 0 && state.disk_total_bytes > state.disk_free_bytes);
    assert!(
        state.tables.iter().any(|t| t.table == "recent_posts" && t.rows == 31 && t.parts > 0 && t.bytes > 0)
    );
}

#[tokio::test]
async fn an_erased_post_is_nowhere_and_does_not_come_back() {
    let Some((store, client)) = fresh_store().await else { return };
    let mut rows = delivered(9);
    let erased_post = PostId::of("testnet", "2");
    let mut deletion = scored(9, &post("2", "", noon()), &verdict(Priority::None));
    (deletion.post, deletion.verdict) = (None, None);
    deletion.change = Some(PostChange { post_id: erased_post, event: EventKind::Gone, observed_at: noon() });
    rows.push(Rows::of_scored(&deletion));
    write_in_batches(&store, &rows, 0, 10).await;
    write_in_batches(&store, &rows, 0, 3).await;

    let now = noon().plus_secs(3_600);
    let proof = store.erase(&Erasure::Posts(vec![erased_post]), "dismissed", now).await.unwrap();
    assert_eq!(proof.posts, 1);
    assert!(proof.rows_before.iter().all(|(_, rows)| *rows > 0), "{proof:?}");
    assert!(proof.rows_after.iter().all(|(_, rows)| *rows == 0), "{proof:?}");
    assert_eq!(proof.rows_after.len(), Table::WITH_POSTS.len());
    assert_eq!(store.item(erased_post).await.unwrap(), None);

    // Delivered again by the log, to a writer that knows nothing yet.
    let other = store_at(&engine().unwrap().url, client.database().unwrap());
    write_in_batches(&other, &rows, 0, 7).await;
    assert_eq!(store.item(erased_post).await.unwrap(), None);
    let id = erased_post.0.to_string();
    let tables: Vec<String> = client
        .query("SELECT DISTINCT table FROM system.columns WHERE database = currentDatabase() AND name = 'post_id'")
        .fetch_all()
        .await
        .unwrap();
    assert_eq!(
        tables.len(),
        Table::WITH_POSTS.len() + 2,
        "a table with posts that erasure does not know: {tables:?}"
    );
    for table in tables.iter().filter(|table| *table != "erasures") {
        let sql = format!("SELECT count() FROM {table} WHERE post_id = {{id:UInt128}}");
        assert_eq!(client.query(&sql).param("id", &id).fetch_one::<u64>().await.unwrap(), 0, "{table}");
    }
    // The accounting stays.
    assert_eq!(store.summary(&SummaryScope::All).await.unwrap().accepted, 10);

    // What slipped in between is hidden at once and swept later; a newer observation is a new fact.
    let stale = Rows::of_flagged(&flagged(2, &post("2", "old", noon()), &verdict(Priority::Low)), raw());
    let mut insert = client.insert::<FlaggedPostRow>("flagged_posts").await.unwrap();
    insert.write(&stale.flagged_posts[0]).await.unwrap();
    insert.end().await.unwrap();
    assert_eq!(store.item(erased_post).await.unwrap(), None);
    assert_eq!(store.sweep_erased().await.unwrap(), [("flagged_posts", 1)]);
    let newer = flagged(50, &post("2", "new", now.plus_secs(5)), &verdict(Priority::Low));
    let mut batcher = Batcher::new(BatchLimits::default());
    batcher.push(at("posts.flagged", 50), Rows::of_flagged(&newer, raw()), 1, now);
    let batch = batcher.take().unwrap();
    assert_eq!(store.write(&batch, &batch.token()).await.unwrap().erased, 0);
    assert_eq!(store.item(erased_post).await.unwrap().map(|item| item.post), Some(newer.post));

    let proof =
        store.erase(&Erasure::Source("test-source".to_owned()), "source", now.plus_secs(60)).await.unwrap();
    assert_eq!(proof.posts, 9);
    assert_eq!(raw_count(&client, "recent_posts").await, 0);

    // On disk too.
    let masked = "SELECT count() FROM system.parts WHERE database = currentDatabase() AND active AND has_lightweight_delete";
    assert!(client.query(masked).fetch_one::<u64>().await.unwrap() > 0);
    store.purge_erased().await.unwrap();
    assert_eq!(client.query(masked).fetch_one::<u64>().await.unwrap(), 0);
}

#[tokio::test]
async fn old_rows_leave_when_their_time_is_over() {
    let Some((store, client)) = fresh_store().await else { return };
    write_in_batches(&store, &delivered(6), 0, 6).await;
    store.roll_up(noon()).await.unwrap();
    client
        .query_raw(
            "INSERT INTO recent_posts (post_id, text, observed_at, version, stored_at) \
             SELECT number, 'old', now(), 1, now() - INTERVAL 73 HOUR FROM numbers(5)",
        )
        .execute()
        .await
        .unwrap();
    let optimize = async |table: &str| {
        client.query_raw(&format!("OPTIMIZE TABLE {table} FINAL")).execute().await.unwrap();
    };
    optimize("recent_posts").await;
    assert_eq!(raw_count(&client, "recent_posts").await, 6, "the default of 72 hours");
    assert!(store.set_retention(Retention { recent_hours: 0, ..Retention::default() }).await.is_err());
    store.set_retention(Retention { recent_hours: 24, ..Retention::default() }).await.unwrap();
    client
        .query_raw("INSERT INTO recent_posts (post_id, observed_at, version, stored_at) VALUES (1, now(), 1, now() - INTERVAL 25 HOUR)")
        .execute()
        .await
        .unwrap();
    optimize("recent_posts").await;
    assert_eq!(raw_count(&client, "recent_posts").await, 6, "the changed one of 24 hours");
}

#[tokio::test]
async fn a_second_engine_on_the_same_folder_is_told_why_not() {
    if library().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let lock = std::fs::File::create(folder.path().join("streife.lock")).unwrap();
    lock.lock().unwrap();
    let config = streife_store::engine::EngineConfig::new(library().unwrap(), folder.path(), user());
    let error = Engine::open(config).await.err().unwrap().to_string();
    assert!(error.contains("in use by another process"), "{error}");
}

#[tokio::test]
async fn errors_say_whether_trying_again_helps() {
    let nobody = store_at("http://127.0.0.1:9", "streife");
    assert!(nobody.ping().await.unwrap_err().is_transient());
    let Some(engine) = engine() else { return };
    let mut config = StoreConfig::new(&engine.url, "streife", "wrong");
    let stranger = Store::connect(config.clone()).unwrap();
    assert_eq!(stranger.ping().await.unwrap_err().code(), Some(516));
    config.url = "ftp://example.org".to_owned();
    assert!(Store::connect(config.clone()).is_err());
    config.database = "a; DROP".to_owned();
    assert!(Store::connect(config).is_err());
}

#[tokio::test]
#[ignore = "long: run with --ignored"]
async fn a_page_of_300_000_flagged_posts_is_quick() {
    let Some((store, client)) = fresh_store().await else { return };
    client
        .query_raw(
            "INSERT INTO flagged_posts (post_id, source, platform, kind, text, observed_at, campaign, language, hits, media, \
             priority, labels, rules, version) \
             SELECT reinterpretAsUInt128(sipHash128(number)), 'source', 'testnet', 'post', \
             concat('word', toString(number % 9973), ' ', repeat('filler text ', 20)), \
             toDateTime64('2026-07-01 00:00:00', 6, 'UTC') + number, number % 5000, 'de', '[]', '[]', \
             1 + number % 3, ['offensive'], ['rule-a'], number + 1 FROM numbers(300000)",
        )
        .execute()
        .await
        .unwrap();
    let erased: Vec<PostId> = client
        .query("SELECT post_id FROM flagged_posts LIMIT 500")
        .fetch_all::<u128>()
        .await
        .unwrap()
        .into_iter()
        .map(PostId)
        .collect();
    store.erase(&Erasure::Posts(erased), "test", noon()).await.unwrap();
    let all = QueueFilter::default();
    let words = QueueFilter { words: Some("word77".to_owned()), ..QueueFilter::default() };
    for (name, filter, order) in [
        ("newest", &all, QueueOrder::Newest),
        ("severity", &all, QueueOrder::Severity),
        ("words", &words, QueueOrder::Newest),
    ] {
        store.queue(filter, order, None, 50).await.unwrap();
        let started = std::time::Instant::now();
        let page = store.queue(filter, order, None, 50).await.unwrap();
        eprintln!("{name}: {} items in {:?}", page.items.len(), started.elapsed());
        assert!(started.elapsed() < std::time::Duration::from_secs(5), "{name}");
    }
    let started = std::time::Instant::now();
    assert_eq!(store.summary(&SummaryScope::All).await.unwrap().flagged_posts, 299_500);
    eprintln!("summary in {:?}", started.elapsed());
}
