//! What is said with others about a case: questions of the recipient, notices to the platform. Their words stay in the
//! case; the ledgers carry digests.

use crate::edges::{from, said};
use crate::workflow::{Case, CaseEvent, CaseState as S, Move, Notice, Question};

/// States in which the referral has been decided on by two people.
const DECIDED: [S; 4] = [S::Approved, S::Sent, S::Acknowledged, S::Outcome];

/// Changes `case` by a move of this kind, or says why not.
pub(crate) fn apply(case: &mut Case, event: &CaseEvent, actor: &str) -> Result<(), String> {
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
            let asked = asked.ok_or_else(|| format!("there is no question {number}"))?;
            if asked.answer.is_some() {
                return Err(format!("question {number} is answered"));
            }
            asked.answer = said_by(answer);
        }
        Move::Notify { notice, recipient } => {
            // A platform may take the post down at once: never before it is sealed and two people have decided.
            from(case, &DECIDED)?;
            said(recipient)?;
            if case.seal.is_none() {
                return Err("the evidence is not sealed; a notice may make it vanish".to_owned());
            }
            let recipient = recipient.clone();
            case.notices.push(Notice { at: event.at, kind: *notice, recipient, answer: None });
        }
        Move::NoticeAnswered { number, answer } => {
            from(case, &[DECIDED.as_slice(), &[S::Recalled]].concat())?;
            said(answer)?;
            let notice = number.checked_sub(1).and_then(|at| case.notices.get_mut(at));
            let notice = notice.ok_or_else(|| format!("there is no notice {number}"))?;
            if notice.answer.is_some() {
                return Err(format!("notice {number} is answered"));
            }
            notice.answer = said_by(answer);
        }
        _ => return Err("this move does not exist here".to_owned()),
    }
    Ok(())
}
