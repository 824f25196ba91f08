//! From a flagged post to its package through the real case database, and what must not be possible on the way.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use common::{World, form, found, lead, officer, reviewer};
use proptest::prelude::*;
use streife_cases::ledger::custody_ledger;
use streife_cases::role::Role;
use streife_cases::workflow::{Actor, CaseState, DismissReason, Disposal, Move, Opinion};
use streife_evidence::{VerifyOptions, verify::verify_bytes};
use streife_referral::{EvidenceError, Secured};

#[tokio::test]
async fn a_decided_case_becomes_a_package_that_verifies_and_exports() {
    let world = World::new().await;
    let case = world.approved().await;
    let record = world.evidence.package(&case).await.unwrap();
    verifies(&world, &case).await;
    // Asked again, it is the same package; exported, it is on record.
    assert_eq!(world.evidence.package(&case).await.unwrap(), record);
    let out = tempfile::tempdir().unwrap();
    let created = world.evidence.export(&case, out.path(), "leitung").await.unwrap();
    assert_eq!(created.container_sha256, record.sha256);
    assert!(created.court_set.join("02_Bericht.pdf").is_file());
    let actions = world.custody(&case).await;
    for action in [
        "case.suspect",
        "evidence.secured",
        "evidence.stamped",
        "case.seal_evidence",
        "case.approve",
        "evidence.packaged",
        "evidence.exported",
    ] {
        assert_eq!(actions.iter().filter(|a| *a == action).count(), 1, "{action} in {actions:?}");
    }
}

#[tokio::test]
async fn a_service_out_of_reach_leaves_the_case_visibly_pending_and_is_asked_again() {
    let world = World::new().await;
    world.service_down(true);
    let case = world.suspected().await;
    let secured = world.evidence.advance(&case, &reviewer()).await.unwrap();
    let Secured::Pending(pending) = &secured else { panic!("{secured:?}") };
    assert!(pending.len() == 1 && pending[0].contains("connection refused"), "{pending:?}");
    let state = world.case(&case).await;
    assert_eq!((state.state, state.seal.is_some()), (CaseState::Capturing, false));
    let status = world.evidence.status(&case).await.unwrap();
    assert!(status.items[0].stamps[0].1.is_ok() && status.items[0].stamps[1].1.is_err(), "{status:?}");
    // Nothing goes on from here, for nobody.
    for (actor, what) in [
        (officer(), Move::OpenForm),
        (officer(), Move::Draft { addressee: "Staatsanwaltschaft".into() }),
        (lead(), Move::Approve),
    ] {
        assert!(world.cases.apply(&case, actor, what, world.now()).await.is_err());
    }
    assert!(matches!(world.evidence.package(&case).await, Err(EvidenceError::Compose(_))));
    world.service_down(false);
    assert_eq!(world.evidence.work().await.unwrap(), 0, "not before its time");
    world.wait(60);
    assert_eq!(world.evidence.work().await.unwrap(), 1);
    assert_eq!(world.case(&case).await.state, CaseState::Sealed);
}

#[tokio::test]
async fn captures_of_a_try_that_was_cut_short_stay_and_are_sealed_with_the_later_ones() {
    let world = World::new().await;
    let case = world.suspected().await;
    world.set_pages(2);
    world.block("found");
    let error = world.evidence.advance(&case, &reviewer()).await.unwrap_err();
    assert!(matches!(error, EvidenceError::Vault(_)), "{error}");
    assert_eq!(world.case(&case).await.state, CaseState::Suspect);
    assert!(
        world.evidence.status(&case).await.unwrap().items.is_empty(),
        "without a manifest nothing counts"
    );
    // By the next try the pages have gone.
    world.unblock("found");
    world.set_pages(0);
    assert!(matches!(world.evidence.advance(&case, &reviewer()).await.unwrap(), Secured::Sealed(_)));
    let status = world.evidence.status(&case).await.unwrap();
    assert_eq!(status.items.len(), 3, "the post once, and both pages");
    world.decide(&case).await;
    world.evidence.package(&case).await.unwrap();
    verifies(&world, &case).await;
}

#[tokio::test]
async fn a_deed_without_its_note_is_noted_when_it_is_seen_again() {
    let world = World::new().await;
    let case = world.suspected().await;
    world.service_down(true);
    world.evidence.advance(&case, &reviewer()).await.unwrap();
    world.service_down(false);
    world.wait(60);
    // As after a crash behind each deed: the database of before, the vault of after.
    let before = world.database();
    world.evidence.advance(&case, &reviewer()).await.unwrap();
    let world = world.with_database(before).await;
    world.evidence.advance(&case, &reviewer()).await.unwrap();
    world.decide(&case).await;
    let before = world.database();
    world.evidence.package(&case).await.unwrap();
    let world = world.with_database(before).await;
    world.evidence.package(&case).await.unwrap();
    let actions = world.custody(&case).await;
    for action in ["evidence.secured", "evidence.stamped", "case.seal_evidence", "evidence.packaged"] {
        assert_eq!(actions.iter().filter(|a| *a == action).count(), 1, "{action} in {actions:?}");
    }
}

#[tokio::test]
async fn a_capture_that_takes_long_holds_up_no_other() {
    let world = World::new().await;
    let slow = world.suspected().await;
    world.set_slow(&slow);
    world.wait(11);
    let round = async { world.evidence.work().await.unwrap() };
    let meanwhile = async {
        let quick = world.another_suspected(2).await;
        world.wait(11);
        while world.case(&quick).await.state != CaseState::Sealed {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(world.case(&slow).await.state, CaseState::Capturing);
        world.go_on();
    };
    let limit = std::time::Duration::from_secs(60);
    let (done, ()) = tokio::time::timeout(limit, async { tokio::join!(round, meanwhile) }).await.unwrap();
    assert_eq!((done, world.case(&slow).await.state), (2, CaseState::Sealed));
}

#[tokio::test]
async fn the_oldest_of_many_waiting_cases_gets_its_turn_in_the_same_round() {
    let world = World::new().await;
    world.fail_collecting(Some("the store is away"));
    let oldest = world.suspected().await;
    // More than two pages of newer ones.
    for number in 1..=230 {
        world.wait(1);
        world.another_suspected(number).await;
    }
    world.wait(11);
    assert_eq!(world.evidence.work().await.unwrap(), 0);
    let status = world.evidence.status(&oldest).await.unwrap();
    let (why, next) = status.waiting.unwrap();
    assert!(why.contains("the store is away") && next > world.now(), "{why}");
    let tried = world.cases.cases(Some(CaseState::Suspect), 1_000).await.unwrap();
    assert!(tried.iter().all(|row| row.updated_at == world.now()), "every one was tried");
}

/// Set in the process that [`a_disk_full_at_any_moment_loses_nothing`] starts on a small disk.
const SMALL_DISK: &str = "STREIFE_TEST_SMALL_DISK";

#[test]
#[ignore = "long: run with --ignored; needs unshare (a disk of its own, in memory)"]
fn a_disk_full_at_any_moment_loses_nothing() {
    let disk = tempfile::tempdir().unwrap();
    let inner =
        "mount -t tmpfs -o size=6m tmpfs \"$0\" && exec \"$1\" --exact on_a_small_disk --ignored --nocapture";
    let done = std::process::Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", inner])
        .args([disk.path(), &std::env::current_exe().unwrap()])
        .envs([("TMPDIR", disk.path()), (SMALL_DISK, disk.path())])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "run by a_disk_full_at_any_moment_loses_nothing, on a disk of its own"]
async fn on_a_small_disk() {
    let Some(disk) = std::env::var_os(SMALL_DISK) else { return };
    let filler = std::path::Path::new(&disk).join("filler");
    // Leaves `free` bytes, as if others had filled the disk.
    let fill = |free: u64| {
        let mut file = std::fs::File::create(&filler).unwrap();
        let mut written = 0;
        while std::io::Write::write_all(&mut file, &[1; 4_096]).is_ok() {
            written += 4_096;
        }
        file.set_len(u64::saturating_sub(written, free)).unwrap();
    };
    let (mut captures_failed, mut packages_failed) = (0, 0);
    for kilobytes in (0..1_000).step_by(50) {
        let world = World::new().await;
        world.set_pages(2);
        let case = world.suspected().await;
        fill(kilobytes * 1_024);
        let full = world.evidence.advance(&case, &reviewer()).await;
        captures_failed += usize::from(full.is_err());
        let sealed = world.case(&case).await.seal.is_some();
        assert!(full.is_ok() || !sealed, "{kilobytes} KB: half-sealed looks sealed: {full:?}");
        assert!(world.evidence.container(&case).await.is_err());
        std::fs::remove_file(&filler).unwrap();
        let secured = world.evidence.advance(&case, &reviewer()).await.unwrap();
        assert!(matches!(secured, Secured::Sealed(_)), "{kilobytes} KB: {secured:?}");
        world.decide(&case).await;
        fill(kilobytes * 1_024);
        let full = world.evidence.package(&case).await;
        packages_failed += usize::from(full.is_err());
        std::fs::remove_file(&filler).unwrap();
        world.evidence.package(&case).await.unwrap();
        verifies(&world, &case).await;
        let actions = world.custody(&case).await;
        for action in ["evidence.secured", "evidence.stamped", "case.seal_evidence", "evidence.packaged"] {
            assert_eq!(actions.iter().filter(|a| *a == action).count(), 1, "{kilobytes} KB: {actions:?}");
        }
    }
    // The disk was full in the middle of each, not always before its beginning.
    assert!((3..20).contains(&captures_failed) && packages_failed > 3, "{captures_failed} {packages_failed}");
}

/// The container of a packed case verifies, step by step.
async fn verifies(world: &World, case: &str) {
    let (_, container) = world.evidence.container(case).await.unwrap();
    let mut failed = Vec::new();
    let ok = verify_bytes(&container, &VerifyOptions::default(), &mut |step| {
        if !step.ok {
            failed.push(format!("{}: {}", step.step, step.detail));
        }
    });
    assert!(ok, "{failed:#?}");
}

/// The desk runs the round on a task of its own.
#[expect(dead_code, reason = "it is enough that it compiles")]
fn the_round_can_be_spawned(world: &'static World) {
    fn is_send<T: Send>(_: T) {}
    is_send(world.evidence.work());
    is_send(world.evidence.renew_due());
}

#[tokio::test]
async fn a_suspected_post_is_secured_without_a_click_once_the_decision_stands() {
    let world = World::new().await;
    let case = world.suspected().await;
    assert_eq!(world.evidence.work().await.unwrap(), 0, "it can still be taken back");
    world.wait(11);
    assert_eq!(world.evidence.work().await.unwrap(), 1);
    assert_eq!(world.case(&case).await.state, CaseState::Sealed);
    assert_eq!(world.evidence.work().await.unwrap(), 0);
}

#[tokio::test]
async fn a_failed_capture_keeps_nothing_says_why_and_is_tried_again_later() {
    let world = World::new().await;
    let case = world.suspected().await;
    world.fail_collecting(Some("No space left on device"));
    world.wait(11);
    assert_eq!(world.evidence.work().await.unwrap(), 0);
    assert_eq!(world.case(&case).await.state, CaseState::Suspect);
    let status = world.evidence.status(&case).await.unwrap();
    assert!(status.items.is_empty() && status.waiting.unwrap().0.contains("No space left"));
    world.fail_collecting(None);
    assert_eq!(world.evidence.work().await.unwrap(), 0, "not before its time");
    world.wait(60);
    assert_eq!(world.evidence.work().await.unwrap(), 1);
}

#[tokio::test]
async fn bytes_that_are_not_those_collected_are_not_sealed() {
    let world = World::new().await;
    let mut changed = found();
    changed.raw.push(b' ');
    world.set_found(changed);
    let case = world.suspected().await;
    let error = world.evidence.advance(&case, &reviewer()).await.unwrap_err();
    assert!(matches!(error, EvidenceError::Raw(_)), "{error}");
    assert_eq!(world.case(&case).await.state, CaseState::Suspect);
}

#[tokio::test]
async fn a_package_is_made_anew_for_another_approval_and_gone_after_erasure() {
    let world = World::new().await;
    let case = world.approved().await;
    let first = world.evidence.package(&case).await.unwrap();
    world.wait(60);
    world.step(&case, lead(), Move::SendBack { reason: "Anschrift ergänzen".into() }).await;
    assert!(world.evidence.package(&case).await.is_err(), "no package of a case that was sent back");
    assert!(world.evidence.container(&case).await.is_err(), "the old one is void");
    world.step(&case, officer(), Move::Draft { addressee: "Staatsanwaltschaft Musterstadt".into() }).await;
    world.step(&case, lead(), Move::Approve).await;
    assert_ne!(world.evidence.package(&case).await.unwrap().sha256, first.sha256);
    let certificate = world.evidence.erase(&case, "leitung").await.unwrap();
    assert!(certificate.files.iter().any(|(name, _)| name == "container"));
    assert!(world.evidence.container(&case).await.is_err());
}

#[tokio::test]
async fn evidence_is_stamped_anew_before_its_stamps_end_and_not_sooner() {
    let world = World::new().await;
    let case = world.approved().await;
    assert_eq!(world.evidence.renew_due().await.unwrap(), 0);
    // The demonstration's certificates live for ten years.
    world.wait(10 * 365 * 86_400 - 100 * 86_400);
    let later = world.with_new_services();
    assert_eq!(later.renew_due().await.unwrap(), 1);
    assert_eq!(later.renew_due().await.unwrap(), 0, "the new stamps last");
    let renewal: streife_evidence::seal::Seal =
        later.vault().get_json(&case, "renewals/0001.seal").unwrap().unwrap();
    let covered: Vec<&str> = renewal.objects.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(covered, ["items/0001.seal", "manifest"]);
    assert!(world.custody(&case).await.contains(&"evidence.renewed".to_owned()));
}

/// Moves as people might make them, sensible or not, with the evidence steps between.
#[derive(Debug, Clone)]
enum Act {
    Step(Actor, Move),
    Seal,
    Pack,
    ServiceDown(bool),
    Wait(i64),
}

fn any_actor() -> impl Strategy<Value = Actor> {
    prop_oneof![
        Just(reviewer()),
        Just(Actor::new("streife-2", Role::Reviewer)),
        Just(officer()),
        Just(Actor::new("leitung", Role::CaseOfficer)),
        Just(lead()),
        Just(Actor::new("sachbearbeitung", Role::Lead)),
        Just(Actor::new("asservate", Role::Custodian)),
        Just(Actor::system()),
    ]
}

fn any_move() -> impl Strategy<Value = Move> {
    let norms = || vec!["StGB-111".to_owned()];
    prop_oneof![
        Just(Move::Release),
        Just(Move::Claim),
        Just(Move::Dismiss { reason: DismissReason::Opinion }),
        Just(Move::AskSecondLook { opinion: Opinion::Unsure }),
        Just(Move::SecondOpinion { opinion: Opinion::Relevant { norms: norms() } }),
        Just(Move::Suspect { norms: norms() }),
        Just(Move::Undo),
        Just(Move::StartCapture),
        Just(Move::OpenForm),
        Just(Move::FillForm { form: Box::new(form()) }),
        Just(Move::NoOffence { reason: "kein Verdacht".into() }),
        Just(Move::ConfirmNoOffence { disposal: Disposal::Restrict { reason: "Einspruch".into() } }),
        Just(Move::SendBack { reason: "bitte ergänzen".into() }),
        Just(Move::Draft { addressee: "Staatsanwaltschaft Musterstadt".into() }),
        Just(Move::Approve),
        Just(Move::Send { channel: "Upload".into() }),
        Just(Move::Acknowledge { file_number: "12 Js 3/26".into() }),
        Just(Move::Recall { reason: "Verwechslung".into() }),
    ]
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (any_actor(), any_move()).prop_map(|(actor, what)| Act::Step(actor, what)),
        2 => Just(Act::Seal),
        2 => Just(Act::Pack),
        1 => any::<bool>().prop_map(Act::ServiceDown),
        1 => (1i64..120).prop_map(Act::Wait),
    ]
}

/// A way that leads to a referral, so that random acts happen at every place of it and not only at its beginning.
fn way() -> Vec<Act> {
    vec![
        Act::Step(reviewer(), Move::Suspect { norms: vec!["StGB-111".into()] }),
        Act::Seal,
        Act::Step(officer(), Move::OpenForm),
        Act::Step(officer(), Move::FillForm { form: Box::new(form()) }),
        Act::Step(officer(), Move::Draft { addressee: "Staatsanwaltschaft Musterstadt".into() }),
        Act::Step(lead(), Move::Approve),
        Act::Pack,
        Act::Step(officer(), Move::Send { channel: "Upload".into() }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn no_package_without_seal_and_two_people_and_the_custody_ledger_is_complete(
        detours in proptest::collection::vec(proptest::collection::vec(any_act(), 0..4), 8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let acts: Vec<Act> = way().into_iter().zip(detours).flat_map(|(step, mut detour)| { detour.push(step); detour }).collect();
        runtime.block_on(run(acts));
    }
}

async fn run(acts: Vec<Act>) {
    let world = World::new().await;
    let case = world.claimed().await;
    for act in acts {
        match act {
            Act::Step(actor, what) => {
                let _ = world.cases.apply(&case, actor, what, world.now()).await;
            }
            Act::Seal => {
                let _ = world.evidence.advance(&case, &reviewer()).await;
            }
            Act::ServiceDown(down) => world.service_down(down),
            Act::Wait(secs) => world.wait(secs),
            Act::Pack => {
                let before = world.case(&case).await;
                if world.evidence.package(&case).await.is_ok() {
                    let case = before;
                    let (drafter, approver) =
                        (case.drafted_by.clone().unwrap(), case.approved_by.clone().unwrap());
                    assert!(case.seal.is_some() && drafter != approver, "{case:?}");
                    assert_eq!(case.seal.unwrap().time_stamps.len(), 2);
                }
            }
        }
        let now = world.case(&case).await;
        if matches!(now.state, CaseState::Sent | CaseState::Acknowledged | CaseState::Outcome) {
            assert!(now.seal.is_some() && now.approved_by.is_some() && now.approved_by != now.drafted_by);
        }
    }
    // Every event of the workflow stands in the custody ledger once and in order, whatever else stands between.
    let events: Vec<String> = world
        .cases
        .events(&case)
        .await
        .unwrap()
        .iter()
        .map(|e| format!("case.{}", e.what.as_str()))
        .collect();
    let noted: Vec<String> =
        world.custody(&case).await.into_iter().filter(|action| action.starts_with("case.")).collect();
    assert_eq!(events, noted);
    let faults = world.cases.verify_ledger(&custody_ledger(&case), &world.verifying_key()).await.unwrap();
    assert_eq!(faults, []);
}
