//! Blind reviews, golden items, what is told to a rule: through the database, as aggregates.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use streife_cases::calibration::Basis;
use streife_cases::quality::{agreement, drawn};
use streife_cases::role::Role;
use streife_cases::store::{CaseStore, ClaimOutcome, JUDGED_SECS, NewItem};
use streife_cases::tenant::Tenant;
use streife_cases::workflow::{Actor, DismissReason, Move, Opinion};
use streife_domain::Timestamp;

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

async fn decide(store: &CaseStore, n: usize, by: &Actor, what: Move) -> String {
    let post_id = format!("{n:032x}");
    let rules = vec!["w-1".to_owned(), if n.is_multiple_of(2) { "w-2" } else { "w-3" }.to_owned()];
    let item = NewItem {
        post_id: post_id.clone(),
        campaign: format!("{:016x}", n % 3),
        queue: "alle".to_owned(),
        rules,
    };
    assert!(matches!(store.claim(&item, by, NOW).await.unwrap(), ClaimOutcome::Yours(_)));
    store.apply(&post_id, by.clone(), what, NOW).await.unwrap();
    post_id
}

#[tokio::test]
async fn decisions_are_told_to_rules_and_looked_at_again_by_others_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = CaseStore::sqlite(folder.path()).await.unwrap();
    store.migrate().await.unwrap();
    let (rita, ron) = (Actor::new("rita", Role::Reviewer), Actor::new("ron", Role::Reviewer));
    let dismiss = || Move::Dismiss { reason: DismissReason::Known };
    for n in 0..60 {
        let what = if n < 20 { Move::Suspect { norms: vec!["StGB-130".to_owned()] } } else { dismiss() };
        decide(&store, n, &rita, what).await;
    }
    let outcomes = store.rule_outcomes(NOW.plus_secs(-10), NOW.plus_secs(-5)).await.unwrap();
    assert_eq!((outcomes["w-1"].decided, outcomes["w-1"].dismissed), (60, 40));
    assert_eq!(outcomes["w-2"].decided, 30);
    let earlier = store.rule_outcomes(NOW.plus_secs(-10), NOW.plus_secs(5)).await.unwrap();
    assert_eq!((earlier["w-1"].decided, earlier["w-1"].before.dismissed), (0, 40));

    let similar = store.similar(&format!("{:032x}", 3), &format!("{:016x}", 0)).await.unwrap();
    assert!(similar.len() == 8 && similar.iter().all(|one| one.same_campaign));
    let other = store.similar(&format!("{:032x}", 3), "none").await.unwrap();
    assert!(
        !other.is_empty()
            && other.iter().all(|one| !one.same_campaign && one.post_id != format!("{:032x}", 3))
    );

    let secret = b"secret";
    let expected = (0..60).filter(|n| drawn(secret, &format!("{n:032x}"))).count();
    assert!(store.blind_items("rita", secret, NOW).await.unwrap().is_empty(), "not one's own");
    let lead = Actor::new("lea", Role::Lead);
    let golden = format!("{:032x}", 900);
    assert!(store.put_golden(&golden, &Opinion::Unsure, &ron, NOW).await.is_err(), "a reviewer sets none");
    let right = Opinion::NotRelevant { reason: DismissReason::Quotation };
    store.put_golden(&golden, &right, &lead, NOW).await.unwrap();
    let items = store.blind_items("ron", secret, NOW).await.unwrap();
    assert_eq!(items.len(), expected + 1);
    for item in &items {
        store.blind_opinion(item, &ron, &right, NOW).await.unwrap();
        assert!(store.blind_opinion(item, &ron, &right, NOW).await.is_err(), "one opinion each");
    }
    assert!(store.blind_items("ron", secret, NOW).await.unwrap().is_empty());
    let (sampled, golden) = store.blind_pairs(NOW).await.unwrap();
    assert_eq!((sampled.len(), golden.len()), (expected, 1));
    assert_eq!(agreement(&golden)[""].agreement(), Some(1.0));
}

#[tokio::test]
async fn a_case_comes_up_for_review_on_its_day_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = CaseStore::sqlite(folder.path()).await.unwrap();
    store.migrate().await.unwrap();
    let rita = Actor::new("rita", Role::Reviewer);
    let suspect = decide(&store, 1, &rita, Move::Suspect { norms: vec!["StGB-130".to_owned()] }).await;
    decide(&store, 2, &rita, Move::Dismiss { reason: DismissReason::Known }).await;
    let due = store.case(&suspect).await.unwrap().unwrap().review_at;
    assert!(store.reach_deadlines(due.plus_secs(-1)).await.unwrap().is_empty());
    assert_eq!(store.reach_deadlines(due).await.unwrap(), std::slice::from_ref(&suspect));
    assert!(store.reach_deadlines(due).await.unwrap().is_empty());
    assert_eq!(
        store.case(&suspect).await.unwrap().unwrap().state,
        streife_cases::workflow::CaseState::Review
    );
}

#[tokio::test]
async fn what_people_said_of_posts_is_told_to_models_as_far_as_all_of_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = CaseStore::sqlite(folder.path()).await.unwrap();
    store.migrate().await.unwrap();
    let (rita, ron) = (Actor::new("rita", Role::Reviewer), Actor::new("ron", Role::Reviewer));
    let suspect = || Move::Suspect { norms: vec!["StGB-130".to_owned()] };
    let dismiss = |reason| Move::Dismiss { reason };
    for n in 0..100 {
        let what = match n % 4 {
            0 => suspect(),
            1 => dismiss(DismissReason::Opinion),
            2 => dismiss(DismissReason::FalseHit),
            _ => dismiss(DismissReason::Known),
        };
        decide(&store, n, &rita, what).await;
    }
    let undone = decide(&store, 100, &rita, suspect()).await;
    store.apply(&undone, rita.clone(), Move::Undo, NOW).await.unwrap();
    let drawn = store.blind_items("ron", b"secret", NOW).await.unwrap();
    for item in &drawn {
        store.blind_opinion(item, &ron, &Opinion::Relevant { norms: vec![] }, NOW).await.unwrap();
    }

    let told = store.judgements(NOW).await.unwrap();
    let of = |basis, confirmed: bool| {
        told.iter().filter(|one| one.basis == basis && one.confirmed == confirmed).count()
    };
    assert_eq!(
        (of(Basis::Decision, true), of(Basis::Decision, false)),
        (25, 50),
        "handled already says nothing"
    );
    assert_eq!((of(Basis::Blind, true), of(Basis::Blind, false)), (drawn.len(), 0));
    assert!(!drawn.is_empty() && of(Basis::Outcome, true) == 0);
    assert!(told.iter().all(|one| !one.campaign.is_empty()));
    // Dismissed posts are erased after their grace: a longer look back would find the confirmed ones alone.
    assert!(store.judgements(NOW.plus_secs(JUDGED_SECS + 1)).await.unwrap().is_empty());
    let nord = store.of(&Tenant::parse("nord").unwrap());
    assert!(nord.judgements(NOW).await.unwrap().is_empty(), "another tenant's are none of one's own");
}
