//! The database: single winners, tamper-evident ledgers, migrations both ways, backup. On SQLite always, on PostgreSQL
//! when STREIFE_TEST_POSTGRES holds the address of a server (tests/suites/postgres.sh starts one).
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; a skip is said")]

use std::collections::HashMap;

use ed25519_dalek::SigningKey;
use streife_cases::ledger::{Note, audit_ledger, audit_ledger_of, custody_ledger};
use streife_cases::role::Role;
use streife_cases::store::{CaseStore, ClaimOutcome, NewItem, NewUser, StoreError, TenantRow};
use streife_cases::tenant::Tenant;
use streife_cases::workflow::{Actor, CaseState, DismissReason, LEASE_SECS, Move};
use streife_domain::Timestamp;

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

async fn on_each_engine(test: impl AsyncFn(&CaseStore)) {
    let folder = tempfile::tempdir().unwrap();
    let store = CaseStore::sqlite(folder.path()).await.unwrap();
    store.migrate().await.unwrap();
    test(&store).await;
    let Ok(server) = std::env::var("STREIFE_TEST_POSTGRES") else {
        println!("skipped: PostgreSQL is not there (STREIFE_TEST_POSTGRES)");
        return;
    };
    test(&new_postgres(&server).await).await;
}

/// A database of its own on the server.
async fn new_postgres(server: &str) -> CaseStore {
    let name = format!("streife_test_{}", uuid::Uuid::new_v4().simple());
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(server).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await.unwrap();
    pool.close().await;
    let (before, _) = server.rsplit_once('/').unwrap();
    let store = CaseStore::connect(&format!("{before}/{name}")).await.unwrap();
    store.migrate().await.unwrap();
    store
}

fn item(n: usize) -> NewItem {
    NewItem {
        post_id: format!("{n:032x}"),
        campaign: format!("{n:016x}"),
        queue: "alle".to_owned(),
        ..NewItem::default()
    }
}

async fn fifty_claimers(store: &CaseStore) {
    const ITEMS: usize = 60;
    let mut tasks = Vec::new();
    for person in 0..50 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let actor = Actor::new(&format!("r{person}"), Role::Reviewer);
            let mut mine = Vec::new();
            // Everybody walks the same ranked queue from the top and takes two.
            for n in 0..ITEMS {
                if let ClaimOutcome::Yours(case) = store.claim(&item(n), &actor, NOW).await.unwrap() {
                    mine.push(case.post_id);
                }
                if mine.len() == 2 {
                    break;
                }
            }
            mine
        }));
    }
    let mut winners: HashMap<String, usize> = HashMap::new();
    for task in tasks {
        for post in task.await.unwrap() {
            *winners.entry(post).or_default() += 1;
        }
    }
    assert_eq!(winners.len(), ITEMS, "every item is claimed");
    assert!(winners.values().all(|n| *n == 1), "an item has two holders");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_concurrent_claimers_never_share_an_item() {
    on_each_engine(fifty_claimers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgresql_behaves_like_sqlite() {
    let Ok(url) = std::env::var("DATABASE_URL") else {
        println!("skipped: DATABASE_URL not there");
        return;
    };
    let store = CaseStore::connect(&url).await.unwrap();
    store.migrate_to(0).await.unwrap();
    store.migrate().await.unwrap();
    fifty_claimers(&store).await;
    decide_and_verify(&store).await;
    assert_eq!(store.migrate_to(0).await.unwrap(), 0);
}

async fn decide_and_verify(store: &CaseStore) {
    let rita = Actor::new("rita", Role::Reviewer);
    let one = item(9_000);
    assert!(matches!(store.claim(&one, &rita, NOW).await.unwrap(), ClaimOutcome::Yours(_)));
    assert!(
        matches!(store.claim(&one, &Actor::new("ron", Role::Reviewer), NOW).await.unwrap(), ClaimOutcome::HeldBy(h) if h == "rita")
    );
    let refused = store.apply(&one.post_id, Actor::new("ron", Role::Reviewer), Move::Claim, NOW).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))));
    store
        .apply(&one.post_id, rita.clone(), Move::Dismiss { reason: DismissReason::Known }, NOW)
        .await
        .unwrap();
    assert_eq!(store.decisions(NOW, 10).await.unwrap().len(), 1);
    store.apply(&one.post_id, rita.clone(), Move::Undo, NOW.plus_secs(2)).await.unwrap();
    assert_eq!(store.decisions(NOW, 10).await.unwrap().len(), 0);

    assert!(store.heartbeat(&one.post_id, "rita", NOW.plus_secs(60)).await.unwrap());
    assert!(!store.heartbeat(&one.post_id, "ron", NOW.plus_secs(60)).await.unwrap());
    assert!(!store.expire_leases(NOW.plus_secs(LEASE_SECS)).await.unwrap().contains(&one.post_id));
    assert!(store.expire_leases(NOW.plus_secs(60 + LEASE_SECS)).await.unwrap().contains(&one.post_id));
    let case = store.case(&one.post_id).await.unwrap().unwrap();
    assert_eq!(case.state, CaseState::Queued);
    let events = store.events(&one.post_id).await.unwrap();
    let replayed = streife_cases::workflow::replay(
        streife_cases::workflow::Case::flagged(&one.post_id, &one.post_id, NOW),
        &events,
    );
    assert_eq!(replayed.unwrap(), case, "rows follow from events");

    let key = SigningKey::from_bytes(&[3; 32]);
    for ledger in [audit_ledger(NOW), custody_ledger(&one.post_id)] {
        store.checkpoint(&ledger, NOW, &key).await.unwrap();
        assert_eq!(store.verify_ledger(&ledger, &key.verifying_key()).await.unwrap(), vec![]);
    }
    assert_eq!(store.ledger(&custody_ledger(&one.post_id)).await.unwrap().len(), events.len());
}

#[tokio::test]
async fn decisions_events_and_ledgers_agree() {
    on_each_engine(decide_and_verify).await;
}

#[tokio::test]
async fn an_erased_segment_keeps_its_root_and_the_present_one_cannot_be_erased() {
    on_each_engine(async |store| {
        let key = SigningKey::from_bytes(&[3; 32]);
        let note = |at: Timestamp| Note {
            at,
            actor: "dpo".to_owned(),
            role: "data_protection".to_owned(),
            action: "read.item".to_owned(),
            subject: "x".to_owned(),
            reason: "Prüfung".to_owned(),
            details: serde_json::Value::Null,
        };
        let next_year = NOW.plus_secs(400 * 86_400);
        store.audit(note(NOW)).await.unwrap();
        let old = audit_ledger(NOW);
        assert!(store.erase_segment(&old, note(NOW), &key).await.is_err());
        let checkpoint = store.erase_segment(&old, note(next_year), &key).await.unwrap();
        assert!(store.ledger(&old).await.unwrap().is_empty());
        assert_eq!(store.checkpoints(&old).await.unwrap(), vec![checkpoint]);
        assert_eq!(store.verify_ledger(&old, &key.verifying_key()).await.unwrap(), vec![]);
        assert_eq!(store.ledger(&audit_ledger(next_year)).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn schema_goes_up_and_down() {
    on_each_engine(async |store| {
        assert_eq!(store.migrate_to(0).await.unwrap(), 0);
        let newest = store.migrate().await.unwrap();
        assert!(newest >= 2);
        for version in (0..newest).rev() {
            assert_eq!(store.migrate_to(version).await.unwrap(), version);
        }
        assert_eq!(store.migrate().await.unwrap(), newest);
        assert_eq!(store.migrate().await.unwrap(), newest);
    })
    .await;
}

#[tokio::test]
async fn incompatible_roles_are_refused_and_sessions_end() {
    on_each_engine(async |store| {
        let user = |roles| NewUser { id: "rita", name: "Rita", roles, password: "x", at: NOW };
        assert!(store.put_user(&user(&[Role::CaseOfficer, Role::Lead])).await.is_err());
        store.put_user(&user(&[Role::Reviewer])).await.unwrap();
        store.open_session("rita", "token", "csrf", NOW).await.unwrap();
        assert!(store.session("token", NOW.plus_secs(60)).await.unwrap().is_some());
        assert!(store.session("token", NOW.plus_secs(7_200)).await.unwrap().is_none(), "idle too long");
        store.close_session("token").await.unwrap();
        assert!(store.session("token", NOW).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_decision_over_many_keeps_what_others_hold_and_can_be_taken_back() {
    on_each_engine(async |store| {
        let (anna, bert) = (Actor::new("anna", Role::Reviewer), Actor::new("bert", Role::Reviewer));
        store.claim(&item(0), &bert, NOW).await.unwrap();
        let items: Vec<NewItem> = (0..45).map(item).collect();
        let dismiss = Move::Dismiss { reason: DismissReason::Quotation };
        let done = store.decide_bulk(&items, &anna, "b1", &dismiss, NOW).await.unwrap();
        assert_eq!((done.done, done.skipped), (44, 1));
        let again = store.decide_bulk(&items, &anna, "b2", &dismiss, NOW).await.unwrap();
        assert_eq!((again.done, again.skipped), (0, 45));
        assert_eq!(store.settled().await.unwrap(), 44);
        assert_eq!(store.decided_since(NOW, "anna").await.unwrap(), 44);
        let danger = Move::Danger { note: "etwas Schlimmes".to_owned() };
        assert!(store.decide_bulk(&[item(99)], &anna, "b3", &danger, NOW).await.is_err());
        assert_eq!(store.undo_bulk("b1", &bert, NOW).await.unwrap().done, 0);
        let late = NOW.plus_secs(streife_cases::workflow::BULK_UNDO_SECS);
        assert_eq!(store.undo_bulk("b1", &anna, late).await.unwrap().done, 44);
        assert_eq!((store.settled().await.unwrap(), store.decided_since(NOW, "").await.unwrap()), (0, 0));
        let ids: Vec<String> = items.iter().map(|item| item.post_id.clone()).collect();
        assert_eq!(store.touched_of(&ids).await.unwrap().len(), 1, "only what bert holds");
    })
    .await;
}

#[tokio::test]
async fn a_code_is_used_up_and_later_ones_still_work() {
    on_each_engine(async |store| {
        store
            .put_user(&NewUser { id: "rita", name: "R", roles: &[Role::Reviewer], password: "x", at: NOW })
            .await
            .unwrap();
        for (step, fits) in [(10, true), (10, false), (9, false), (11, true)] {
            assert_eq!(store.use_totp_step("rita", step).await.unwrap(), fits, "{step}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_backup_brings_everything_back_but_sessions_and_a_damaged_one_nothing() {
    on_each_engine(async |store| {
        let key = SigningKey::from_bytes(&[3; 32]);
        decide_and_verify(store).await;
        store
            .put_user(&NewUser { id: "rita", name: "R", roles: &[Role::Reviewer], password: "x", at: NOW })
            .await
            .unwrap();
        store.open_session("rita", "token", "csrf", NOW).await.unwrap();
        // A table named twice would be written twice and not be read back.
        store.note_rules("p", &["w-1".to_owned(), "w-2".to_owned()]).await.unwrap();
        let rita = Actor::new("rita", Role::Reviewer);
        store
            .open_glass(&rita, "p", &Tenant::house(), "Gefahr im Verzug, niemand erreichbar", NOW)
            .await
            .unwrap();
        let mut dump = Vec::new();
        let counts = store.dump(&mut dump).await.unwrap();
        assert!(counts["cases"] > 0 && counts["ledger_entries"] > 0 && counts["break_glass"] == 1);
        assert_eq!(counts["item_rules"], 2);

        let folder = tempfile::tempdir().unwrap();
        let fresh = CaseStore::sqlite(folder.path()).await.unwrap();
        let cut = &dump[..dump.len() - 20];
        assert!(fresh.restore(&mut &cut[..]).await.is_err());
        assert!(fresh.users().await.unwrap().is_empty(), "all or nothing");
        assert!(
            fresh.restore(&mut &b"{\"line\":\"row\",\"table\":\"users\",\"row\":{}}\n"[..]).await.is_err()
        );
        assert_eq!(fresh.restore(&mut &dump[..]).await.unwrap(), counts);
        let mut second = Vec::new();
        fresh.dump(&mut second).await.unwrap();
        assert_eq!(sorted(&second), sorted(&dump));
        assert!(fresh.session("token", NOW).await.unwrap().is_none());
        for (ledger, _) in fresh.ledgers().await.unwrap() {
            assert_eq!(fresh.verify_ledger(&ledger, &key.verifying_key()).await.unwrap(), vec![]);
        }
        assert!(fresh.restore(&mut &dump[..]).await.is_err(), "never over a database in use");
    })
    .await;
}

#[tokio::test]
async fn what_one_tenant_owns_is_not_there_for_another() {
    on_each_engine(async |store| {
        let (north, south) = (Tenant::parse("nord").unwrap(), Tenant::parse("sued").unwrap());
        for (tenant, source) in [(&north, "a"), (&south, "b")] {
            let row =
                TenantRow { tenant: tenant.clone(), name: "T".to_owned(), sources: vec![source.to_owned()] };
            store.put_tenant(&row, NOW).await.unwrap();
        }
        let taken = TenantRow { tenant: south.clone(), name: "T".to_owned(), sources: vec!["a".to_owned()] };
        assert!(store.put_tenant(&taken, NOW).await.is_err());
        assert_eq!(store.source_owners().await.unwrap().owner("b"), south, "all or nothing");
        let (own, other) = (store.of(&north), store.of(&south));
        let rita = Actor::new("rita", Role::Reviewer);
        let decided = item(1);
        assert!(matches!(own.claim(&decided, &rita, NOW).await.unwrap(), ClaimOutcome::Yours(_)));
        let what = Move::Dismiss { reason: DismissReason::Known };
        own.apply(&decided.post_id, rita.clone(), what.clone(), NOW).await.unwrap();
        own.claim(&item(2), &rita, NOW).await.unwrap();
        let lead = Actor::new("lea", Role::Lead);
        own.put_golden("p", &streife_cases::workflow::Opinion::Unsure, &lead, NOW).await.unwrap();

        let before = store.foreign_requests();
        assert!(other.case(&decided.post_id).await.unwrap().is_none());
        assert!(other.case_of_post(&decided.post_id).await.unwrap().is_none());
        assert!(other.claim(&item(2), &rita, NOW).await.is_err());
        assert!(other.apply(&decided.post_id, rita.clone(), what.clone(), NOW).await.is_err());
        assert_eq!(other.decide_bulk(&[item(2)], &rita, "b", &what, NOW).await.ok(), None);
        assert!(store.foreign_requests() >= before + 5, "each is counted");
        assert!(other.cases(None, 10).await.unwrap().is_empty());
        assert!(other.cases(Some(CaseState::Dismissed), 10).await.unwrap().is_empty());
        assert!(other.events(&decided.post_id).await.unwrap().is_empty());
        assert!(other.states().await.unwrap().is_empty());
        assert_eq!((other.settled().await.unwrap(), own.settled().await.unwrap()), (0, 1));
        assert_eq!(other.decided_since(NOW, "").await.unwrap(), 0);
        assert!(other.decisions(NOW, 10).await.unwrap().is_empty());
        assert!(other.touched().await.unwrap().iter().all(|(_, state, _)| state == "foreign"));
        let posts = [decided.post_id.clone(), item(2).post_id];
        assert!(other.touched_of(&posts).await.unwrap().iter().all(|(_, state, _)| state == "foreign"));
        assert_eq!(own.touched_of(&posts).await.unwrap().len(), 2);
        assert!(other.similar("x", &decided.campaign).await.unwrap().is_empty());
        assert_eq!(own.similar("x", &decided.campaign).await.unwrap().len(), 1);
        assert!(other.rule_outcomes(NOW, NOW).await.unwrap().is_empty());
        assert!(other.blind_items("ron", &[1; 32], NOW).await.unwrap().is_empty());
        assert!(own.blind_items("ron", &[1; 32], NOW).await.unwrap().iter().any(|one| one.golden));
        assert_eq!(other.blind_pairs(NOW).await.unwrap(), (vec![], vec![]));
        assert!(other.reads_by_reason(NOW).await.unwrap().is_empty());

        let chain = audit_ledger_of(&north, NOW);
        let custody = custody_ledger(&decided.post_id);
        for ledger in [chain.as_str(), custody.as_str()] {
            assert!(!own.ledger(ledger).await.unwrap().is_empty());
            assert!(other.ledger(ledger).await.unwrap().is_empty());
            assert!(other.ledgers().await.unwrap().iter().all(|(name, _)| name != ledger));
        }
        assert!(store.ledger(&audit_ledger(NOW)).await.unwrap().is_empty(), "nothing in the house's");
        let key = SigningKey::from_bytes(&[3; 32]);
        assert_eq!(own.verify_ledger(&chain, &key.verifying_key()).await.unwrap(), vec![]);

        let user = |id| NewUser { id, name: "N", roles: &[Role::Reviewer], password: "x", at: NOW };
        own.put_user(&user("rita")).await.unwrap();
        assert!(other.put_user(&user("rita")).await.is_err(), "the name is another tenant's");
        assert!(other.user("rita").await.unwrap().is_none() && other.users().await.unwrap().is_empty());
        assert_eq!(store.user("rita").await.unwrap().unwrap().tenant, north);
    })
    .await;
}

#[tokio::test]
async fn a_connection_older_than_a_migration_reads_what_came_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let old = CaseStore::sqlite(folder.path()).await.unwrap();
    old.migrate_to(5).await.unwrap();
    // Prepared against accounts without tenants; that the column is missing there is no matter.
    let _ = old.user("rita").await;
    let new = CaseStore::sqlite(folder.path()).await.unwrap();
    new.migrate().await.unwrap();
    new.put_user(&NewUser { id: "rita", name: "R", roles: &[Role::Reviewer], password: "x", at: NOW })
        .await
        .unwrap();
    assert_eq!(old.user("rita").await.unwrap().map(|user| user.id).as_deref(), Some("rita"));
    assert_eq!(old.users().await.unwrap().len(), 1);
    let mut dump = Vec::new();
    assert_eq!(old.dump(&mut dump).await.unwrap()["users"], 1);
}

fn sorted(dump: &[u8]) -> Vec<String> {
    let mut lines: Vec<String> = std::str::from_utf8(dump).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}
