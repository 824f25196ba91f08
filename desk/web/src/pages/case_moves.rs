//! What a case offers in its state, and what was said with the recipient.

use streife_cases::workflow::{Case, CaseState, Question};

use super::show::moment;

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
        CaseState::Approved => vec![("send", "channel"), ("send_back", "reason")],
        CaseState::Sent => {
            let mut moves = vec![("acknowledge", "file_number")];
            moves.extend(talk(case));
            moves.push(("recall", "reason"));
            moves
        }
        CaseState::Acknowledged | CaseState::Outcome => {
            let mut moves = vec![("record_outcome", "outcome")];
            moves.extend(talk(case));
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

/// A question of the recipient: when, what, and the answer (empty while it is open).
pub(super) fn asked(question: &Question) -> (String, String, String) {
    let answer = question.answer.as_ref();
    let answer = answer.map(|(at, by, text)| format!("{text} ({by}, {})", moment(*at))).unwrap_or_default();
    (moment(question.at), question.text.clone(), answer)
}
