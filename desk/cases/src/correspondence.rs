//! What is said with others about a case: questions of the recipient, notices to the platform. Their words stay in the
//! case; the ledgers carry digests.

use crate::edges::{from, said};
use crate::workflow::{Case, CaseEvent, CaseState as S, Move, Notice, Question, Why};

/// States in which the referral has been decided on by two people.
const DECIDED: [S; 4] = [S::Approved, S::Sent, S::Acknowledged, S::Outcome];

/// Changes `case` by a move of this kind, or says why not.
pub(crate) fn apply(case: &mut Case, event: &CaseEvent, actor: &str) -> Result<(), Why> {
    let said_by = |text: &str| Some((event.at, actor.to_owned(), text.to_owned()));
    match &event.what {
        Move::Ask { question } => {
            from(case, &[S::Sent, S::Acknowledged, S::Outcome])?;
            said(question)?;
            case.questions.push(Question { at: event.at, text: question.clone(), answer: None });
        }
        Move::Answer { number, answer } => {
            from(case, &[S::Sent, S::Acknowledged, S::Outcome])?;
            said(answer)?;
            let asked = number.checked_sub(1).and_then(|at| case.questions.get_mut(at));
            let asked = asked.ok_or(Why::NoQuestion(*number))?;
            if asked.answer.is_some() {
                return Err(Why::QuestionAnswered(*number));
            }
            asked.answer = said_by(answer);
        }
        Move::Notify { notice, recipient } => {
            // A platform may take the post down at once: never before it is sealed and two people have decided.
            from(case, &DECIDED)?;
            said(recipient)?;
            if case.seal.is_none() {
                return Err(Why::NoticeBeforeSeal);
            }
            let recipient = recipient.clone();
            case.notices.push(Notice { at: event.at, kind: *notice, recipient, answer: None });
        }
        Move::NoticeAnswered { number, answer } => {
            from(case, &[DECIDED.as_slice(), &[S::Recalled]].concat())?;
            said(answer)?;
            let notice = number.checked_sub(1).and_then(|at| case.notices.get_mut(at));
            let notice = notice.ok_or(Why::NoNotice(*number))?;
            if notice.answer.is_some() {
                return Err(Why::NoticeAnswered(*number));
            }
            notice.answer = said_by(answer);
        }
        _ => return Err(Why::NoSuchMove),
    }
    Ok(())
}
