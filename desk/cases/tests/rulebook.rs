//! The rule book: whatever people try in whatever order, nothing goes live by its author's hand, and the database
//! says the same as the events.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use proptest::prelude::*;
use serde_json::json;
use streife_cases::ledger::audit_ledger;
use streife_cases::role::Role;
use streife_cases::rulebook::{
    BookEvent, Change, Kind, Refusal, Stage, Text, Version, publish, replay, step,
};
use streife_cases::store::{CaseStore, StoreError, TenantRow};
use streife_cases::tenant::Tenant;
use streife_cases::workflow::Actor;
use streife_domain::Timestamp;

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

fn text(kind: Kind, id: &str, body: &str) -> Text {
    let key = kind.name_keys()[0];
    Text::read(
        kind,
        &format!("{key}: {id}\ntitle: Titel\nowner: anna\nreview_by: 2027-01-01\nwhen: {body}\n"),
    )
    .unwrap()
    .1
}

fn actors() -> impl Strategy<Value = Actor> {
    let users = prop::sample::select(vec!["anna", "ben", "carla"]);
    let roles = prop::sample::select(vec![Role::Analyst, Role::RuleApprover, Role::Reviewer]);
    (users, roles).prop_map(|(user, role)| Actor::new(user, role))
}

fn changes(kind: Kind) -> impl Strategy<Value = Change> {
    let reason = || prop_oneof![Just(String::new()), Just("zu viele Treffer".to_owned())];
    prop_oneof![
        "[ab]".prop_map(move |body| Change::Save { text: text(kind, "w-1", &body) }),
        Just(Change::Backtest { report: json!({ "hits": 1 }) }),
        Just(Change::Shadow),
        Just(Change::Ask),
        reason().prop_map(|note| Change::Approve { note }),
        reason().prop_map(|reason| Change::SendBack { reason }),
        reason().prop_map(|reason| Change::Pause { reason }),
        Just(Change::Resume),
        reason().prop_map(|reason| Change::Retire { reason }),
    ]
}

fn count(versions: &[Version], stages: &[Stage]) -> usize {
    versions.iter().filter(|version| stages.contains(&version.stage)).count()
}

proptest! {
    #[test]
    fn nothing_goes_live_by_its_authors_hand(
        kind in prop::sample::select(Kind::ALL.to_vec()),
        tries in prop::collection::vec((actors(), 1i64..4, 0usize..9), 0..40),
        seed in prop::collection::vec(changes(Kind::Rule), 9),
    ) {
        let mut versions: Vec<Version> = Vec::new();
        let mut done = Vec::new();
        for (actor, number, which) in tries {
            let what = match seed[which].clone() {
                Change::Save { .. } => Change::Save { text: text(kind, "w-1", &number.to_string()) },
                other => other,
            };
            let event = BookEvent { at: NOW, actor, version: number, what };
            let Ok(next) = step(kind, "w-1", &versions, &event) else { continue };
            prop_assert!(next.len() >= versions.len(), "a version is gone");
            for (before, after) in versions.iter().zip(&next) {
                if before.stage != Stage::Draft {
                    prop_assert_eq!(&before.text, &after.text, "a published text was edited");
                }
                if before.stage == Stage::Retired {
                    prop_assert_eq!(after.stage, Stage::Retired);
                }
            }
            versions = next;
            done.push(event);
            prop_assert!(count(&versions, &[Stage::Live, Stage::Paused]) <= 1);
            prop_assert!(count(&versions, &[Stage::Shadow]) <= 1);
            for live in versions.iter().filter(|v| v.stage == Stage::Live) {
                let approver = live.approver.as_deref().unwrap();
                prop_assert!(!live.is_by(approver));
                prop_assert!(kind != Kind::Rule || live.backtest.is_some());
            }
            let files = publish(&Tenant::house(), &versions);
            let mut paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
            paths.dedup();
            prop_assert_eq!(paths.len(), files.len(), "two files of one name");
        }
        prop_assert_eq!(replay(kind, "w-1", &done).unwrap(), versions);
    }
}

#[tokio::test]
async fn a_rule_goes_live_by_a_second_person_and_its_successor_runs_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = CaseStore::sqlite(folder.path()).await.unwrap();
    store.migrate().await.unwrap();
    let book = store.rule_book();
    let (anna, paul) = (Actor::new("anna", Role::Analyst), Actor::new("paul", Role::RuleApprover));
    let herself = Actor::new("anna", Role::RuleApprover);
    let go =
        async |number, actor: &Actor, what| book.apply(Kind::Rule, "w-1", number, actor, what, NOW).await;
    let save = |body: &str| Change::Save { text: text(Kind::Rule, "w-1", body) };
    let approve = || Change::Approve { note: String::new() };
    let report = || Change::Backtest { report: json!({ "hits": 7 }) };
    let refused = |result: Result<Version, StoreError>| match result {
        Err(StoreError::Book(why)) => why,
        other => panic!("{other:?}"),
    };

    assert_eq!(go(0, &anna, save("a")).await.unwrap().number, 1);
    assert_eq!(refused(go(1, &anna, Change::Ask).await), Refusal::NoBacktest);
    go(1, &anna, report()).await.unwrap();
    assert_eq!(refused(go(1, &paul, approve()).await), Refusal::NotAsked);
    go(1, &anna, Change::Ask).await.unwrap();
    assert_eq!(refused(go(1, &anna, approve()).await), Refusal::NoRight);
    assert_eq!(refused(go(1, &herself, approve()).await), Refusal::OwnWork);
    assert_eq!(book.published().await.unwrap().1, vec![]);
    go(1, &paul, approve()).await.unwrap();

    let (revision, files) = book.published().await.unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].path, "desk/rule/w-1.yaml");
    assert!(files[0].yaml.contains("\nstate: live\n") && files[0].yaml.contains("approved_by: \"paul\""));

    assert_eq!(go(0, &anna, save("b")).await.unwrap().number, 2);
    assert_eq!(book.published().await.unwrap().1, files, "a draft changes nothing for the workers");
    go(2, &anna, Change::Shadow).await.unwrap();
    let (later, files) = book.published().await.unwrap();
    assert!(later > revision);
    assert_eq!(files[0].path, "desk/rule/w-1.v2.yaml");
    assert!(files[0].yaml.starts_with("id: w-1.v2\n") && files[0].yaml.contains("state: shadow"));
    go(2, &anna, report()).await.unwrap();
    go(2, &anna, Change::Ask).await.unwrap();
    go(2, &paul, approve()).await.unwrap();
    let versions = book.entry(Kind::Rule, "w-1").await.unwrap();
    assert_eq!([versions[0].stage, versions[1].stage], [Stage::Retired, Stage::Live]);

    assert_eq!(replay(Kind::Rule, "w-1", &book.events(Kind::Rule, "w-1").await.unwrap()).unwrap(), versions);
    let audited = store.ledger(&audit_ledger(NOW)).await.unwrap();
    assert_eq!(i64::try_from(audited.len()).unwrap(), book.revision().await.unwrap());
    assert!(audited.iter().any(|entry| entry.action == "rule.approve" && entry.actor == "paul"));
}

#[tokio::test]
async fn two_people_who_change_one_entry_at_once_do_not_overwrite_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = CaseStore::sqlite(folder.path()).await.unwrap();
    store.migrate().await.unwrap();
    let mut tasks = Vec::new();
    for n in 0..20 {
        let book = store.rule_book();
        tasks.push(tokio::spawn(async move {
            let id = format!("w-{}", n % 2);
            let what = Change::Save { text: text(Kind::List, &id, "x") };
            let actor = Actor::new(&format!("p{n}"), Role::Analyst);
            book.apply(Kind::List, &id, 0, &actor, what, NOW).await.unwrap();
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let versions = store.rule_book().versions().await.unwrap();
    assert_eq!(versions.len(), 2);
    assert_eq!(versions.iter().map(|version| version.authors.len()).sum::<usize>(), 20);
    assert_eq!(store.rule_book().revision().await.unwrap(), 20);
}

#[tokio::test]
async fn the_book_of_one_tenant_does_not_exist_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let store = CaseStore::sqlite(folder.path()).await.unwrap();
    store.migrate().await.unwrap();
    let tenant = |name| Tenant::parse(name).unwrap();
    for (name, source) in [("nord", "nord-forum"), ("sued", "sued: \"kanal\"")] {
        let row = TenantRow { tenant: tenant(name), name: name.to_owned(), sources: vec![source.to_owned()] };
        store.put_tenant(&row, NOW).await.unwrap();
    }
    let (nord, sued) = (store.of(&tenant("nord")), store.of(&tenant("sued")));
    let house = store.of(&Tenant::house());
    let (anna, paul) = (Actor::new("anna", Role::Analyst), Actor::new("paul", Role::RuleApprover));
    // One name for all three, each with a text of its own.
    for (book, body) in [(&house, "haus"), (&nord, "nord"), (&sued, "sued")] {
        let book = book.rule_book();
        let save = Change::Save { text: text(Kind::List, "w-1", body) };
        assert_eq!(book.apply(Kind::List, "w-1", 0, &anna, save, NOW).await.unwrap().number, 1);
        book.apply(Kind::List, "w-1", 1, &anna, Change::Ask, NOW).await.unwrap();
    }
    // Approved in one book alone.
    let approve = || Change::Approve { note: String::new() };
    nord.rule_book().apply(Kind::List, "w-1", 1, &paul, approve(), NOW).await.unwrap();
    for (book, body, stage) in
        [(&house, "haus", Stage::Draft), (&nord, "nord", Stage::Live), (&sued, "sued", Stage::Draft)]
    {
        let versions = book.rule_book().versions().await.unwrap();
        assert_eq!(versions.len(), 1);
        assert!(versions[0].text.source.contains(body) && versions[0].stage == stage, "{body}");
        assert_eq!(book.rule_book().entry(Kind::List, "w-1").await.unwrap(), versions);
        assert!(book.rule_book().events(Kind::List, "w-1").await.unwrap().len() >= 2);
    }
    let paths = async |store: &CaseStore| -> Vec<String> {
        store.rule_book().published().await.unwrap().1.into_iter().map(|file| file.path).collect()
    };
    assert_eq!(paths(&house).await, Vec::<String>::new());
    assert_eq!(paths(&nord).await, ["space/nord/sources.yaml", "space/nord/list/w-1.yaml"]);
    assert_eq!(paths(&sued).await, ["space/sued/sources.yaml"]);
    assert!(sued.rule_book().of_the_house().await.unwrap().is_empty(), "drafts of the house are the house's");
    house.rule_book().apply(Kind::List, "w-1", 1, &paul, approve(), NOW).await.unwrap();
    assert_eq!(paths(&sued).await, ["desk/list/w-1.yaml", "space/sued/sources.yaml"]);
    assert_eq!(sued.rule_book().of_the_house().await.unwrap().len(), 1);
    assert_eq!(
        paths(&store).await,
        [
            "desk/list/w-1.yaml",
            "space/nord/sources.yaml",
            "space/nord/list/w-1.yaml",
            "space/sued/sources.yaml"
        ],
        "the machine gets all"
    );

    // Other sources, other files: workers hear of it.
    let (before, _) = store.rule_book().published().await.unwrap();
    let row = TenantRow { tenant: tenant("nord"), name: "nord".to_owned(), sources: vec![] };
    store.put_tenant(&row, NOW).await.unwrap();
    let (after, files) = store.rule_book().published().await.unwrap();
    assert!(after > before && files.iter().any(|file| file.yaml == "space: nord\nsources: []\n"));

    // Without the schema of tenants a tenant's rules are gone, not everybody's.
    store.migrate_to(6).await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(nord.rule_book().versions().await.unwrap(), vec![]);
    assert_eq!(house.rule_book().versions().await.unwrap().len(), 1);
}
