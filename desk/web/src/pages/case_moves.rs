//! What a case offers in its state, and what was said with the recipient.

use streife_cases::workflow::{Case, CaseState, Notice, Question};

use super::show::moment;
use crate::guard::Viewer;

/// The moves a state offers, with the text key each needs (`""` when none). Rights are checked when it is made.
pub(super) fn moves(case: &Case) -> Vec<(&'static str, &'static str)> {
    match case.state {
        CaseState::SecondLook if case.second.is_some() => {
            vec![("adjudicate_yes", "norm"), ("adjudicate_no", "")]
        }
        CaseState::Danger if case.emergency.is_none() => {
            vec![("emergency_notice", "recipient"), ("suspect", "norm")]
        }
        CaseState::Danger if case.emergency.as_ref().is_some_and(|e| e.approved_by.is_none()) => {
            vec![("approve_emergency", "")]
        }
        CaseState::Danger => vec![("suspect", "norm")],
        CaseState::Sealed => vec![("open_form", ""), ("no_offence", "reason")],
        CaseState::Suspect => vec![("no_offence", "reason")],
        CaseState::LegalForm => vec![("unmask", "reason"), ("draft", "addressee"), ("no_offence", "reason")],
        CaseState::NoOffence => {
            vec![("confirm_erase", ""), ("confirm_restrict", "reason"), ("send_back", "reason")]
        }
        CaseState::ReferralDraft => vec![("approve", ""), ("send_back", "reason"), ("unmask", "reason")],
        CaseState::Approved => {
            let mut moves = vec![("send", "channel")];
            moves.extend(notices(case));
            moves.push(("send_back", "reason"));
            moves
        }
        CaseState::Sent => {
            let mut moves = vec![("acknowledge", "file_number")];
            moves.extend(talk(case));
            moves.extend(notices(case));
            moves.push(("recall", "reason"));
            moves
        }
        CaseState::Acknowledged | CaseState::Outcome => {
            let mut moves = vec![("record_outcome", "outcome")];
            moves.extend(talk(case));
            moves.extend(notices(case));
            moves.extend([("recall", "reason"), ("restrict", "reason")]);
            moves
        }
        CaseState::Recalled => vec![("confirm_recall", "confirmed_by"), ("restrict", "reason")],
        CaseState::Restricted => vec![("lift_restriction", "reason")],
        CaseState::Review => vec![("erase", ""), ("retain", "reason"), ("restrict", "reason")],
        _ => Vec::new(),
    }
}

/// Questions of the recipient, answered one after the other.
fn talk(case: &Case) -> Vec<(&'static str, &'static str)> {
    let open = case.questions.iter().any(|question| question.answer.is_none());
    let answer = open.then_some(("answer", "answer"));
    [("ask", "question")].into_iter().chain(answer).collect()
}

/// Notices to the platform, and its decision on the oldest that is open.
fn notices(case: &Case) -> Vec<(&'static str, &'static str)> {
    let open = case.notices.iter().any(|notice| notice.answer.is_none());
    let answer = open.then_some(("notice_answered", "decision"));
    [("notify_dsa", "platform"), ("notify_removal_order", "platform")].into_iter().chain(answer).collect()
}

/// A notice to a platform: when, what and to whom, and the decision (empty while it is open).
pub(super) fn noticed(v: &Viewer, notice: &Notice) -> (String, String, String) {
    let answer = notice.answer.as_ref();
    let answer = answer.map(|(at, by, text)| format!("{text} ({by}, {})", moment(*at))).unwrap_or_default();
    let what = format!("{}, {}", v.t.of("notice", notice.kind.as_str()), notice.recipient);
    (moment(notice.at), what, answer)
}

/// A question of the recipient: when, what, and the answer (empty while it is open).
pub(super) fn asked(question: &Question) -> (String, String, String) {
    let answer = question.answer.as_ref();
    let answer = answer.map(|(at, by, text)| format!("{text} ({by}, {})", moment(*at))).unwrap_or_default();
    (moment(question.at), question.text.clone(), answer)
}
