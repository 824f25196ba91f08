//! What the workflow promises, over random walks of people, roles and moves.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use streife_cases::legal::{ComplaintForm, LegalForm, NormForm, ReachSnapshot};
use streife_cases::offence::Catalogue;
use streife_cases::role::Role;
use streife_cases::workflow::{
    Actor, Case, CaseEvent, CaseOutcome, CaseState, DismissReason, Disposal, Effects, LEASE_SECS, Move,
    NoticeKind, Opinion, Question, Refused, Seal, step,
};
use streife_domain::{Reach, Timestamp};

const START: Timestamp = Timestamp::from_secs(1_790_000_000);

fn seal(by: &str, at: Timestamp) -> Seal {
    Seal {
        manifest_sha256: "ab".repeat(32),
        package: "p.zip".to_owned(),
        at,
        by: by.to_owned(),
        time_stamps: vec![],
    }
}

/// A form in which nothing is missing for `norm`.
fn full_form(norm: &str) -> LegalForm {
    let offence = Catalogue::built_in().get(norm).unwrap();
    let filled = "festgestellt".to_owned();
    let norm_form = NormForm {
        elements: offence.elements.iter().map(|e| (e.id.clone(), true)).collect(),
        exceptions_excluded: offence.exceptions.iter().map(|e| (e.id.clone(), true)).collect(),
        other_readings: "keine andere Lesart liegt nahe, geprüft".to_owned(),
    };
    LegalForm {
        considered: [(norm.to_owned(), norm_form)].into(),
        germany_link: filled.clone(),
        time_of_act: filled.clone(),
        place_of_act: filled.clone(),
        accusation: filled.clone(),
        accused: "Unbekannt".to_owned(),
        injured: String::new(),
        complaint: Some(ComplaintForm {
            entitled: filled.clone(),
            knowledge_on: "2026-10-01".to_owned(),
            filed_on: None,
        }),
        reach: Some(ReachSnapshot { taken_at: START, reach: Reach::default(), audience: filled.clone() }),
        danger: false,
        legal_basis: filled,
        ..LegalForm::default()
    }
}

/// Every kind of move, some with two contents.
fn moves() -> Vec<Move> {
    let text = || "ein ausreichender Grund".to_owned();
    let norms = || vec!["StGB-130".to_owned()];
    let hash = || "cd".repeat(32);
    vec![
        Move::Cluster { campaign: "0".repeat(16) },
        Move::Enqueue { queue: "q".to_owned() },
        Move::Claim,
        Move::Claim,
        Move::TakeOver { reason: text() },
        Move::Release,
        Move::ExpireLease { last_heartbeat: START },
        Move::Dismiss { reason: DismissReason::Opinion },
        Move::AskSecondLook { opinion: Opinion::Unsure },
        Move::SecondOpinion { opinion: Opinion::Relevant { norms: norms() } },
        Move::SecondOpinion { opinion: Opinion::NotRelevant { reason: DismissReason::Opinion } },
        Move::Adjudicate { opinion: Opinion::Relevant { norms: norms() } },
        Move::Danger { note: text() },
        Move::EmergencyNotice { recipient: text(), reason: text() },
        Move::ApproveEmergency,
        Move::Suspect { norms: norms() },
        Move::Suspect { norms: norms() },
        Move::Undo,
        Move::StartCapture,
        Move::CaptureFailed { reason: text() },
        Move::SealEvidence { seal: seal("b", START) },
        Move::OpenForm,
        Move::FillForm { form: Box::new(full_form("StGB-130")) },
        Move::Unmask { reason: text() },
        Move::NoOffence { reason: text() },
        Move::ConfirmNoOffence { disposal: Disposal::Erase { certificate_sha256: hash() } },
        Move::ConfirmNoOffence { disposal: Disposal::Restrict { reason: text() } },
        Move::SendBack { reason: text() },
        Move::Draft { addressee: text() },
        Move::Approve,
        Move::Send { channel: text() },
        Move::Acknowledge { file_number: "1 Js 2/26".to_owned() },
        Move::Ask { question: text() },
        Move::Answer { number: 1, answer: text() },
        Move::Notify { notice: NoticeKind::RemovalOrder, recipient: text() },
        Move::NoticeAnswered { number: 1, answer: text() },
        Move::RecordOutcome { outcome: CaseOutcome::Charged },
        Move::Recall { reason: text() },
        Move::ConfirmRecall { recipient: text() },
        Move::Restrict { reason: text() },
        Move::LiftRestriction { reason: text() },
        Move::DeadlineReached,
        Move::Retain { until: START.plus_secs(400 * 86_400), reason: text() },
        Move::Erase { certificate_sha256: hash() },
    ]
}

/// Person, place in the list of moves, seconds that pass.
type Walk = Vec<(usize, usize, i64)>;

/// The way to an outcome; walks that never leave it would test little, walks that never keep to it reach nothing.
const ONWARD: [&str; 13] = [
    "cluster",
    "enqueue",
    "claim",
    "suspect",
    "start_capture",
    "seal_evidence",
    "open_form",
    "fill_form",
    "draft",
    "approve",
    "send",
    "acknowledge",
    "record_outcome",
];

/// The moves of three people who would do anything they are allowed to, in any role.
fn walks() -> impl Strategy<Value = Walk> {
    let onward: Vec<usize> = (0..moves().len()).filter(|n| ONWARD.contains(&moves()[*n].as_str())).collect();
    let what = prop_oneof![3 => prop::sample::select(onward), 1 => 0..moves().len()];
    let secs = prop_oneof![6 => Just(1i64), 2 => Just(60), 1 => Just(90 * 86_400)];
    prop::collection::vec((0..3usize, what, secs), 1..400)
}

/// Tries the moves one after the other and goes where the workflow lets them.
fn walk(steps: Walk, mut check: impl FnMut(&Case, &Case, &CaseEvent, &Effects)) -> Case {
    let all = moves();
    let mut case = Case::flagged("c", "p", START);
    let mut at = START;
    for (person, first, secs) in steps {
        at = at.plus_secs(secs);
        let what = all[first].clone();
        let actor = match what.action() {
            None => Actor::system(),
            Some(action) => {
                let role =
                    Role::ALL.into_iter().find(|role| streife_cases::role::may(*role, action)).unwrap();
                Actor::new(["a", "b", "c"][person], role)
            }
        };
        let event = CaseEvent { at, actor, what };
        let Ok((next, effects)) = step(&case, &event) else { continue };
        check(&case, &next, &event, &effects);
        case = next;
    }
    case
}

#[test]
fn whatever_people_try_the_promises_hold() {
    let reached = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let config = ProptestConfig { cases: 2_000, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&walks(), |steps| {
        let mut sealed = false;
        let mut suspected = false;
        let mut log = Vec::new();
        let last = walk(steps, |before, after, event, effects| {
            sealed |= matches!(event.what, Move::SealEvidence { .. });
            suspected |= after.state == CaseState::Suspect;
            if matches!(event.what, Move::Undo) {
                suspected = false;
            }
            log.push(event.clone());
            reached.borrow_mut().insert(after.state);
            assert!(!effects.audit.is_empty() && !effects.custody.is_empty(), "an edge without entries");
            assert_eq!(after.version, before.version + 1);
            if after.state == CaseState::Sent
                && before.state != CaseState::Sent
                && before.state != CaseState::Restricted
                && before.state != CaseState::Review
            {
                assert!(sealed && after.seal.is_some(), "sent without seal");
                assert!(after.approved_by.is_some() && after.drafted_by.is_some());
                assert_ne!(after.approved_by, after.drafted_by, "one person sent alone");
                assert!(after.emergency.as_ref().is_none_or(|e| e.approved_by.is_some()));
            }
            if after.state == CaseState::Erased {
                assert_ne!(before.state, CaseState::Restricted, "erased while restricted");
                assert!(after.certificate_sha256.is_some());
            }
            if matches!(event.what, Move::Dismiss { .. }) {
                assert!(!suspected, "dismissed by one person after suspicion");
            }
            if after.state == CaseState::Erased && suspected {
                assert_ne!(
                    before.suspected_by.as_deref(),
                    Some(event.actor.user.as_str()),
                    "ended by who suspected"
                );
            }
            assert_ne!(before.state, CaseState::Erased, "an erased case moved");
        });
        assert_eq!(streife_cases::workflow::replay(Case::flagged("c", "p", START), &log).unwrap(), last);
        Ok(())
    });
    assert!(outcome.is_ok(), "{outcome:?}");
    let missed: Vec<_> =
        CaseState::ALL.into_iter().skip(1).filter(|s| !reached.borrow().contains(s)).collect();
    assert!(missed.is_empty(), "the walks never reached {missed:?}: the test is blind there");
}

/// Drives a case, panicking with the refusal.
struct Drive(Case, Timestamp);

impl Drive {
    fn go(&mut self, user: &str, role: Role, what: Move) -> &mut Self {
        self.0 = self.attempt(user, role, what).unwrap();
        self
    }
    fn attempt(&mut self, user: &str, role: Role, what: Move) -> Result<Case, Refused> {
        self.1 = self.1.plus_secs(1);
        let event = CaseEvent { at: self.1, actor: Actor::new(user, role), what };
        step(&self.0, &event).map(|done| done.0)
    }
    fn claimed() -> Self {
        let mut drive = Self(Case::flagged("c", "p", START), START);
        drive
            .go("system", Role::System, Move::Cluster { campaign: "0".repeat(16) })
            .go("system", Role::System, Move::Enqueue { queue: "q".to_owned() })
            .go("rita", Role::Reviewer, Move::Claim);
        drive
    }
    fn form_open() -> Self {
        let mut drive = Self::claimed();
        drive
            .go("rita", Role::Reviewer, Move::Suspect { norms: vec!["StGB-188".to_owned()] })
            .go("rita", Role::Reviewer, Move::StartCapture)
            .go("kim", Role::Custodian, Move::SealEvidence { seal: seal("kim", START) })
            .go("olaf", Role::CaseOfficer, Move::OpenForm);
        drive
    }
}

#[test]
fn a_post_becomes_an_approved_referral_and_an_outcome() {
    let mut drive = Drive::form_open();
    let why = drive
        .attempt("olaf", Role::CaseOfficer, Move::Draft { addressee: "StA Musterstadt".to_owned() })
        .unwrap_err()
        .why;
    assert!(why.to_string().contains("legal form"), "{why}");
    drive.go("olaf", Role::CaseOfficer, Move::FillForm { form: Box::new(full_form("StGB-188")) });
    assert_eq!(drive.0.form.as_ref().unwrap().complaint_deadline().as_deref(), Some("2027-01-01"));
    drive.go("olaf", Role::CaseOfficer, Move::Draft { addressee: "StA Musterstadt".to_owned() });
    assert!(drive.attempt("olaf", Role::CaseOfficer, Move::Approve).is_err(), "an officer approves nothing");
    assert!(drive.attempt("olaf", Role::Lead, Move::Approve).is_err(), "nobody approves their own draft");
    drive
        .go("lea", Role::Lead, Move::Approve)
        .go("olaf", Role::CaseOfficer, Move::Send { channel: "Postfach".to_owned() })
        .go("olaf", Role::CaseOfficer, Move::Acknowledge { file_number: "1 Js 2/26".to_owned() })
        .go("olaf", Role::CaseOfficer, Move::RecordOutcome { outcome: CaseOutcome::Charged });
    assert_eq!(drive.0.state, CaseState::Outcome);
}

#[test]
fn a_recipient_asks_is_answered_once_and_confirms_a_recall() {
    let mut drive = Drive::form_open();
    drive.go("olaf", Role::CaseOfficer, Move::FillForm { form: Box::new(full_form("StGB-188")) }).go(
        "olaf",
        Role::CaseOfficer,
        Move::Draft { addressee: "StA Musterstadt".to_owned() },
    );
    let question = || Move::Ask { question: "Gibt es weitere Beiträge?".to_owned() };
    assert!(drive.attempt("olaf", Role::CaseOfficer, question()).is_err(), "nobody has it yet");
    drive
        .go("lea", Role::Lead, Move::Approve)
        .go("olaf", Role::CaseOfficer, Move::Send { channel: "Postfach".to_owned() })
        .go("olaf", Role::CaseOfficer, question());
    let answer = |number| Move::Answer { number, answer: "Nein, keine bekannt.".to_owned() };
    for number in [0, 2] {
        assert!(drive.attempt("olaf", Role::CaseOfficer, answer(number)).is_err(), "{number}");
    }
    drive.go("olaf", Role::CaseOfficer, answer(1));
    assert!(drive.attempt("olaf", Role::CaseOfficer, answer(1)).is_err(), "it is answered");
    let confirm = || Move::ConfirmRecall { recipient: "StA Musterstadt, gelöscht".to_owned() };
    assert!(drive.attempt("olaf", Role::CaseOfficer, confirm()).is_err(), "it was not recalled");
    drive.go("lea", Role::Lead, Move::Recall { reason: "Verwechslung".to_owned() }).go(
        "olaf",
        Role::CaseOfficer,
        confirm(),
    );
    assert_eq!((drive.0.state, drive.0.recall_confirmed.len()), (CaseState::Recalled, 1));
}

#[test]
fn a_platform_hears_of_a_post_only_when_it_is_sealed_and_two_people_decided_and_its_words_go_with_the_case() {
    let mut drive = Drive::form_open();
    drive.go("olaf", Role::CaseOfficer, Move::FillForm { form: Box::new(full_form("StGB-188")) }).go(
        "olaf",
        Role::CaseOfficer,
        Move::Draft { addressee: "StA Musterstadt".to_owned() },
    );
    let notify = || Move::Notify { notice: NoticeKind::RemovalOrder, recipient: "Dienst AG".to_owned() };
    assert!(drive.attempt("olaf", Role::CaseOfficer, notify()).is_err(), "one person alone");
    drive.go("lea", Role::Lead, Move::Approve);
    assert!(drive.attempt("rita", Role::Reviewer, notify()).is_err(), "no right");
    drive.go("olaf", Role::CaseOfficer, notify());
    let answer = |number| Move::NoticeAnswered { number, answer: "entfernt um 12:40 Uhr".to_owned() };
    for number in [0, 2] {
        assert!(drive.attempt("olaf", Role::CaseOfficer, answer(number)).is_err(), "{number}");
    }
    drive.go("olaf", Role::CaseOfficer, answer(1));
    assert!(drive.attempt("olaf", Role::CaseOfficer, answer(1)).is_err(), "it is answered");
    drive.0.questions.push(Question { at: START, text: "Was stand in dem Beitrag?".into(), answer: None });
    let without_seal = Case { seal: None, ..drive.0.clone() };
    let event = CaseEvent { at: START, actor: Actor::new("olaf", Role::CaseOfficer), what: notify() };
    assert!(step(&without_seal, &event).is_err(), "it may vanish before it is secured");
    let review = Case { state: CaseState::Review, ..drive.0.clone() };
    let what = Move::Erase { certificate_sha256: "ab".repeat(32) };
    let event = CaseEvent { at: START, actor: Actor::new("lea", Role::Lead), what };
    let (erased, _) = step(&review, &event).unwrap();
    assert!(erased.questions.is_empty() && erased.notices.is_empty());
}

#[test]
fn ledgers_carry_digests_of_questions_and_answers() {
    let mut case = Case::flagged("c", "p", START);
    case.state = CaseState::Sent;
    let event = CaseEvent {
        at: START,
        actor: Actor::new("olaf", Role::CaseOfficer),
        what: Move::Ask { question: "Was stand in dem Beitrag?".to_owned() },
    };
    let (_, effects) = step(&case, &event).unwrap();
    for note in effects.custody.iter().chain(&effects.audit) {
        assert!(!note.details.to_string().contains("Beitrag"), "{}", note.details);
        assert_eq!(note.details["question"].as_str().map(str::len), Some(64));
    }
}

#[test]
fn every_offence_with_a_complaint_asks_for_its_clock() {
    for offence in &Catalogue::built_in().offences {
        let mut form = full_form(&offence.id);
        assert_eq!(form.gaps(Catalogue::built_in()), vec![], "{}", offence.id);
        form.complaint = None;
        let asked = form.gaps(Catalogue::built_in()).iter().any(|gap| gap.field == "complaint");
        assert_eq!(asked, offence.complaint.has_clock(), "{}", offence.id);
        form.reach = None;
        let asked = form.gaps(Catalogue::built_in()).iter().any(|gap| gap.field == "reach");
        assert_eq!(asked, offence.reach, "{}", offence.id);
    }
}

#[test]
fn a_claim_lost_by_a_crash_returns_to_the_queue_and_no_sooner() {
    let mut drive = Drive::claimed();
    let last_heartbeat = drive.1;
    assert!(drive.attempt("system", Role::System, Move::ExpireLease { last_heartbeat }).is_err());
    drive.1 = last_heartbeat.plus_secs(LEASE_SECS);
    drive.go("system", Role::System, Move::ExpireLease { last_heartbeat });
    assert_eq!((drive.0.state, &drive.0.holder), (CaseState::Queued, &None));
}

#[test]
fn a_decision_is_taken_back_within_ten_seconds_by_who_made_it() {
    let mut drive = Drive::claimed();
    drive.go("rita", Role::Reviewer, Move::Dismiss { reason: DismissReason::Known });
    assert!(drive.attempt("ron", Role::Reviewer, Move::Undo).is_err());
    drive.go("rita", Role::Reviewer, Move::Undo);
    assert_eq!(drive.0.state, CaseState::Claimed);
    drive.go("rita", Role::Reviewer, Move::Dismiss { reason: DismissReason::Known });
    drive.1 = drive.1.plus_secs(11);
    assert!(drive.attempt("rita", Role::Reviewer, Move::Undo).is_err());
}

#[test]
fn the_duty_desk_alerts_at_once_and_another_person_approves_within_a_day() {
    let mut drive = Drive::claimed();
    drive.go("rita", Role::Reviewer, Move::Danger { note: "konkrete Ankündigung".to_owned() });
    drive.go(
        "dana",
        Role::DutyDesk,
        Move::EmergencyNotice { recipient: "Leitstelle".to_owned(), reason: "Gefahr im Verzug".to_owned() },
    );
    let due = drive.0.emergency.as_ref().unwrap().approval_due;
    assert_eq!(due.micros_since(drive.1), 24 * 3_600 * 1_000_000);
    let why = drive
        .attempt("dana", Role::DutyDesk, Move::Suspect { norms: vec!["StGB-241".to_owned()] })
        .unwrap_err()
        .why;
    assert!(why.to_string().contains("approval"), "{why}");
    assert!(drive.attempt("dana", Role::Lead, Move::ApproveEmergency).is_err());
    drive.go("lea", Role::Lead, Move::ApproveEmergency);
    drive.go("dana", Role::DutyDesk, Move::Suspect { norms: vec!["StGB-241".to_owned()] });
}

#[test]
fn the_second_look_is_by_another_person_and_disagreement_goes_to_a_lead() {
    let mut drive = Drive::claimed();
    drive.go(
        "rita",
        Role::Reviewer,
        Move::AskSecondLook { opinion: Opinion::Relevant { norms: vec!["StGB-130".to_owned()] } },
    );
    let other = Opinion::NotRelevant { reason: DismissReason::Quotation };
    assert!(drive.attempt("rita", Role::Reviewer, Move::SecondOpinion { opinion: other.clone() }).is_err());
    drive.go("ron", Role::Reviewer, Move::SecondOpinion { opinion: other.clone() });
    assert_eq!(drive.0.state, CaseState::SecondLook);
    drive.go("lea", Role::Lead, Move::Adjudicate { opinion: other });
    assert_eq!(drive.0.state, CaseState::Dismissed);
}

#[test]
fn no_offence_needs_a_second_person() {
    let mut drive = Drive::form_open();
    drive.go("olaf", Role::CaseOfficer, Move::NoOffence { reason: "zulässige Meinung".to_owned() });
    let erase = Move::ConfirmNoOffence { disposal: Disposal::Erase { certificate_sha256: "ab".repeat(32) } };
    assert!(drive.attempt("olaf", Role::Lead, erase.clone()).is_err());
    drive.go("lea", Role::Lead, erase);
    assert_eq!(drive.0.state, CaseState::Erased);
    assert!(drive.attempt("lea", Role::Lead, Move::Restrict { reason: "zu spät".to_owned() }).is_err());
}
