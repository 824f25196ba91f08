//! The clocks of a case: what is due, and by when. Pure; nothing here acts.

use streife_domain::Timestamp;

use crate::offence::Catalogue;
use crate::workflow::{Case, CaseState, NoticeKind};

/// A recipient that has not answered after this long is asked.
pub const ACKNOWLEDGE_SECS: i64 = 14 * 86_400;
/// A recipient's question is answered within this time.
pub const ANSWER_SECS: i64 = 7 * 86_400;
/// A recall is confirmed within this time.
pub const CONFIRM_RECALL_SECS: i64 = 3 * 86_400;
/// A platform that has not decided on a notice after this long is asked. The law names no day: it acknowledges
/// "without undue delay" and decides "in a timely manner" (Art. 16 (4) to (6) Digital Services Act).
pub const NOTICE_SECS: i64 = 7 * 86_400;
/// Terrorist content is removed within this time of the order's receipt (Art. 3 (3) Regulation (EU) 2021/784).
pub const REMOVAL_SECS: i64 = 3_600;
/// A day ends this long after it begins; a deadline given as a day counts to its end.
const DAY_SECS: i64 = 86_400;

/// What a clock runs for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The complaint of the injured person (s. 77b StGB).
    Complaint,
    /// A second person's approval of an emergency notice.
    EmergencyApproval,
    /// The recipient's acknowledgement and file number.
    Acknowledgement,
    /// The answer to the oldest open question.
    Answer,
    /// The platform's decision on the oldest open notice.
    NoticeDecision,
    /// The removal of terrorist content, by the oldest open order.
    Removal,
    /// The confirmation that a recalled package is gone.
    RecallConfirmation,
    /// The review for erasure.
    Review,
}

impl Due {
    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complaint => "complaint",
            Self::EmergencyApproval => "emergency_approval",
            Self::Acknowledgement => "acknowledgement",
            Self::Answer => "answer",
            Self::NoticeDecision => "notice_decision",
            Self::Removal => "removal",
            Self::RecallConfirmation => "recall_confirmation",
            Self::Review => "review",
        }
    }
}

/// A running clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// What for.
    pub due: Due,
    /// Until when.
    pub at: Timestamp,
}

impl Deadline {
    /// Has it passed?
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.at < now
    }
}

/// The clocks that run for a case, the next one first.
pub fn deadlines(case: &Case) -> Vec<Deadline> {
    let mut found = Vec::new();
    let mut add = |due, at: Option<Timestamp>| found.extend(at.map(|at| Deadline { due, at }));
    if case.state == CaseState::Erased {
        return found;
    }
    add(Due::Complaint, complaint(case));
    let emergency = case.emergency.as_ref().filter(|emergency| emergency.approved_by.is_none());
    add(Due::EmergencyApproval, emergency.map(|emergency| emergency.approval_due));
    if case.state == CaseState::Sent {
        add(Due::Acknowledgement, case.sent_at.map(|at| at.plus_secs(ACKNOWLEDGE_SECS)));
    }
    if matches!(case.state, CaseState::Sent | CaseState::Acknowledged | CaseState::Outcome) {
        let open = case.questions.iter().find(|question| question.answer.is_none());
        add(Due::Answer, open.map(|question| question.at.plus_secs(ANSWER_SECS)));
    }
    for (kind, due, secs) in [
        (NoticeKind::Dsa, Due::NoticeDecision, NOTICE_SECS),
        (NoticeKind::RemovalOrder, Due::Removal, REMOVAL_SECS),
    ] {
        let open = case.notices.iter().find(|notice| notice.kind == kind && notice.answer.is_none());
        add(due, open.map(|notice| notice.at.plus_secs(secs)));
    }
    if case.state == CaseState::Recalled && case.recall_confirmed.is_empty() {
        add(Due::RecallConfirmation, case.recalled_at.map(|at| at.plus_secs(CONFIRM_RECALL_SECS)));
    }
    add(Due::Review, Some(case.review_at));
    found.sort_by_key(|deadline| deadline.at);
    found
}

/// The end of the last day on which the complaint can be filed; none once it was.
fn complaint(case: &Case) -> Option<Timestamp> {
    let form = case.form.as_ref()?;
    let asked =
        case.norms.iter().filter_map(|norm| Catalogue::built_in().get(norm)).any(|o| o.complaint.has_clock());
    if !asked {
        return None;
    }
    if form.complaint.as_ref().is_some_and(|complaint| complaint.filed_on.is_some()) {
        return None;
    }
    let day = form.complaint_deadline()?;
    Some(Timestamp::parse(&format!("{day}T00:00:00Z")).ok()?.plus_secs(DAY_SECS - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legal::{ComplaintForm, LegalForm};
    use crate::workflow::{Emergency, Notice, Question};

    const NOW: Timestamp = Timestamp::from_secs(1_783_166_400);

    fn due(case: &Case) -> Vec<&'static str> {
        deadlines(case).iter().map(|deadline| deadline.due.as_str()).collect()
    }

    #[test]
    fn every_clock_runs_while_it_must_and_no_longer() {
        let mut case = Case::flagged("c", "p", NOW);
        assert_eq!(due(&case), ["review"]);
        case.emergency = Some(Emergency {
            by: "a".into(),
            recipient: "b".into(),
            approval_due: NOW.plus_secs(60),
            approved_by: None,
        });
        let complaint =
            ComplaintForm { entitled: "e".into(), knowledge_on: "2026-07-04".into(), filed_on: None };
        case.norms = vec!["StGB-185".into()];
        case.form = Some(LegalForm { complaint: Some(complaint), ..LegalForm::default() });
        assert_eq!(due(&case), ["emergency_approval", "complaint", "review"]);
        let at = deadlines(&case).iter().find(|d| d.due == Due::Complaint).unwrap().at;
        assert_eq!(at.to_string(), "2026-10-04T23:59:59Z");
        case.emergency = None;
        case.form = None;
        (case.state, case.sent_at) = (CaseState::Sent, Some(NOW));
        case.questions.push(Question { at: NOW, text: "?".into(), answer: None });
        assert_eq!(due(&case), ["answer", "acknowledgement", "review"]);
        case.questions[0].answer = Some((NOW, "c".into(), "!".into()));
        case.state = CaseState::Acknowledged;
        assert_eq!(due(&case), ["review"]);
        (case.state, case.recalled_at) = (CaseState::Recalled, Some(NOW));
        assert_eq!(due(&case), ["recall_confirmation", "review"]);
        assert!(deadlines(&case)[0].is_over(NOW.plus_secs(CONFIRM_RECALL_SECS + 1)));
        case.recall_confirmed.push(("d".into(), NOW));
        assert_eq!(due(&case), ["review"]);
        let notice = |kind| Notice { at: NOW, kind, recipient: "Dienst".into(), answer: None };
        case.notices = vec![notice(NoticeKind::Dsa), notice(NoticeKind::RemovalOrder)];
        assert_eq!(due(&case), ["removal", "notice_decision", "review"]);
        assert_eq!(deadlines(&case)[0].at, NOW.plus_secs(3_600));
        case.notices[1].answer = Some((NOW, "c".into(), "entfernt".into()));
        assert_eq!(due(&case), ["notice_decision", "review"]);
    }
}
